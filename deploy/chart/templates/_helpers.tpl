{{/* The name of everything that the chart makes. */}}
{{- define "etcd-operator.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* ClusterRoles have no namespace: two releases of one name must not share them. */}}
{{- define "etcd-operator.clusterName" -}}
{{- $name := include "etcd-operator.name" . -}}
{{- if eq $name .Release.Namespace }}{{ $name }}{{ else }}{{ printf "%s:%s" .Release.Namespace $name }}{{ end -}}
{{- end -}}

{{- define "etcd-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "etcd-operator.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "etcd-operator.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* What never changes in an installation, so that it can stand in a selector. */}}
{{- define "etcd-operator.selector" -}}
app.kubernetes.io/name: etcd-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "etcd-operator.labels" -}}
{{ include "etcd-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* What the operator does to EtcdClusters and to what they own; each verb is one that it uses. */}}
{{- define "etcd-operator.rules" -}}
- apiGroups: [etcd-operator.dev]
  resources: [etcdclusters]
  verbs: [get, list, watch]
- apiGroups: [etcd-operator.dev]
  resources: [etcdclusters/status]
  verbs: [patch]
# Some distributions ask this of who makes objects that an EtcdCluster owns.
- apiGroups: [etcd-operator.dev]
  resources: [etcdclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims, secrets]
  verbs: [list, watch, create, patch, delete]
# A claim that a list by its label lacks is asked for by its name before it counts as gone.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch]
# Why a Pod or a claim does not get on stands in its events.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
