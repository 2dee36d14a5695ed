{{/* Rules of egress, for the lists of NetworkPolicies. */}}
{{- define "sightline.toDns" -}}
- to: {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "sightline.toNats" -}}
{{- with .Values.nats.external.url }}
{{- /* Anywhere: a policy cannot name a host. */}}
- ports:
    {{- range splitList "," . }}
    - {port: {{ include "sightline.portOf" (dict "url" . "default" 4222) }}, protocol: TCP}
    {{- end }}
{{- else }}
- to:
    - podSelector:
        matchLabels: {{- include "sightline.selector" (dict "root" . "name" "nats") | nindent 10 }}
  ports:
    - {port: 4222, protocol: TCP}
{{- end }}
{{- end -}}

{{- define "sightline.toModels" -}}
{{- $models := .Values.networkPolicy.models -}}
- to:
    - ipBlock: {cidr: 0.0.0.0/0, except: {{ toJson $models.except }}}
  ports:
    {{- range $models.ports }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{- define "sightline.toLivekit" -}}
{{- $livekit := .Values.networkPolicy.livekit -}}
- to: {{- toYaml $livekit.to | nindent 4 }}
  ports:
    {{- range $livekit.ports }}
    - {port: {{ int .port }}, {{ with .endPort }}endPort: {{ int . }}, {{ end }}protocol: {{ .protocol }}}
    {{- end }}
    - {port: {{ include "sightline.portOf" (dict "url" .Values.livekit.url "default" 443) }}, protocol: TCP}
{{- end -}}

{{/* The port of a URL: (dict "url" "ws://livekit:7880" "default" 443) */}}
{{- define "sightline.portOf" -}}
{{- $host := regexReplaceAll "^[a-z]+://([^/@]*@)?([^/]*).*$" (trim .url) "${2}" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- default .default $port -}}
{{- end -}}
