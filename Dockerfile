# The operator's image. It is built from wheels alone and without a network: `make image` puts them beside this file,
# chosen for BASE's Python and checked against constraints/runtime.txt. BASE is any Debian with Python and its venv.
ARG BASE=python:3.13-slim

FROM ${BASE} AS dependencies
COPY wheels/dependencies /wheels
# pip lives in an environment of its own, which is left behind.
RUN python3 -m venv /pip \
 && python3 -m venv --without-pip /opt/etcd-operator \
 && /pip/bin/pip --python /opt/etcd-operator/bin/python install --no-index --no-deps --no-cache-dir /wheels/*.whl \
 && /pip/bin/pip --python /opt/etcd-operator/bin/python check

FROM dependencies AS project
COPY wheels/project /wheels
RUN /pip/bin/pip --python /opt/etcd-operator/bin/python install --no-index --no-deps --no-cache-dir \
      --prefix /project /wheels/*.whl

# What changes rarely comes first, so that a change of the operator alone is a small layer.
FROM ${BASE}
COPY --from=dependencies /opt/etcd-operator /opt/etcd-operator
COPY --from=project /project /opt/etcd-operator
# gRPC writes lines of its own to the log, and its threads would each get a heap of their own.
ENV PATH=/opt/etcd-operator/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRPC_VERBOSITY=NONE \
    MALLOC_ARENA_MAX=2
USER 65532:65532
ENTRYPOINT ["etcd-operator"]
