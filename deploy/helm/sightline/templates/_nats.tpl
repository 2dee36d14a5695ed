{{- define "sightline.natsName" -}}{{ include "sightline.fullname" . }}-nats{{- end -}}

{{/* The headless Service: each server has a name under it. */}}
{{- define "sightline.natsPeers" -}}{{ include "sightline.natsName" . }}-peers{{- end -}}

{{- define "sightline.natsUrl" -}}
{{- if .Values.nats.external.url -}}
{{- .Values.nats.external.url -}}
{{- else -}}
{{- $scheme := empty .Values.nats.tls.existingSecret | ternary "nats" "tls" -}}
{{- printf "%s://%s.%s.svc:4222" $scheme (include "sightline.natsName" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{- define "sightline.streamReplicas" -}}
{{- $nats := .Values.nats -}}
{{- if $nats.streamReplicas -}}
{{- int $nats.streamReplicas -}}
{{- else if $nats.external.url -}}
1
{{- else -}}
{{- gt (int $nats.replicas) 1 | ternary 3 1 -}}
{{- end -}}
{{- end -}}

{{/* Where KEDA asks for the lag. Of a cluster it finds the consumer's leader by <server>.<this host>. */}}
{{- define "sightline.natsMonitoring" -}}
{{- $nats := .Values.nats -}}
{{- if $nats.external.url -}}
{{- $nats.external.monitoringEndpoint -}}
{{- else -}}
{{- printf "%s.%s.svc:8222" (include "sightline.natsPeers" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{- define "sightline.natsAccount" -}}
{{- with .Values.nats.account -}}
{{- . -}}
{{- else -}}
{{- empty .Values.nats.auth.seedSecret | ternary "$G" "SIGHTLINE" -}}
{{- end -}}
{{- end -}}

{{/* The servers' configuration, where `nats.auth.configSecret` names none. */}}
{{- define "sightline.natsConfig" -}}
{{- $nats := .Values.nats -}}
server_name: $NATS_SERVER_NAME
port: 4222
# Health, and the lag of the queues for KEDA. It has no password: a NetworkPolicy says who reads it.
http_port: 8222
max_payload: 1MB
max_connections: 10000
write_deadline: "10s"
lame_duck_duration: "30s"
lame_duck_grace_period: "5s"

jetstream {
  store_dir: /data
  # What the streams reserve has to fit, or they are not created.
  max_memory_store: {{ int $nats.memoryStoreMiB }}MiB
  max_file_store: {{ int $nats.fileStoreMiB }}MiB
}
{{- if $nats.tls.existingSecret }}
{{ include "sightline.natsTls" (dict "verify" false) }}
{{- end }}
{{- if gt (int $nats.replicas) 1 }}

cluster {
  name: sightline
  port: 6222
  # KEDA then finds a queue's leader by the names of the routes, which are those of the servers.
  no_advertise: true
  routes: [
    {{- range $index := until (int $nats.replicas) }}
    {{ empty $nats.tls.existingSecret | ternary "nats" "tls" }}://{{ include "sightline.natsName" $ }}-{{ $index }}.{{ include "sightline.natsPeers" $ }}.{{ $.Release.Namespace }}.svc:6222
    {{- end }}
  ]
  {{- if $nats.tls.existingSecret }}
  {{- include "sightline.natsTls" (dict "verify" true) | nindent 2 }}
  {{- end }}
}
{{- end }}
{{- end -}}

{{- define "sightline.natsTls" -}}
tls {
  cert_file: /etc/nats/tls/server.crt
  key_file: /etc/nats/tls/server.key
  ca_file: /etc/nats/tls/ca.crt
  {{- if .verify }}
  verify: true
  {{- end }}
}
{{- end -}}

{{/* What lies in /etc/nats. */}}
{{- define "sightline.natsFiles" -}}
{{- if .Values.nats.auth.configSecret -}}
- secret:
    name: {{ .Values.nats.auth.configSecret }}
    items:
      - {key: nats.conf, path: nats.conf}
{{- else -}}
- configMap:
    name: {{ include "sightline.natsName" . }}
    items:
      - {key: nats.conf, path: nats.conf}
{{- end }}
{{- with .Values.nats.tls.existingSecret }}
- secret:
    name: {{ . }}
    items:
      - {key: tls.crt, path: tls/server.crt}
      - {key: tls.key, path: tls/server.key}
      - {key: ca.crt, path: tls/ca.crt}
{{- end }}
{{- end -}}
