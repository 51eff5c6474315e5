// The process that holds a Pod's namespaces.
module etcd-operator.dev/e2e/pause

go 1.25.0
