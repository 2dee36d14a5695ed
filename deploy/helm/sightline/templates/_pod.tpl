{{/* The pod of a service or worker: (dict "root" $ "name" "captioner" "component" $component) */}}
{{- define "sightline.pod" -}}
{{- $root := .root -}}
{{- $component := .component -}}
metadata:
  labels: {{- include "sightline.labels" . | nindent 4 }}
    {{- with $component.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $component.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "sightline.podSecurity" . | nindent 2 }}
  {{- include "sightline.pullSecrets" $root | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "sightline.graceSeconds" $component }}
  {{- with $component.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- include "sightline.placement" . | nindent 2 }}
  containers:
    - name: {{ .name }}
      image: {{ include "sightline.image" (dict "root" $root "name" .name "image" $component.image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- if eq $component.kind "worker" }}
      command: {{- default (list "sightline" "run" $component.stage) $component.command | toYaml | nindent 8 }}
      {{- end }}
      {{- if eq $component.kind "agent" }}
      args: [start]
      {{- end }}
      env: {{- include "sightline.env" . | nindent 8 }}
      {{- with $component.envFromSecrets }}
      envFrom:
        {{- range . }}
        - secretRef:
            name: {{ . }}
        {{- end }}
      {{- end }}
      ports: {{- include "sightline.ports" . | nindent 8 }}
      {{- include "sightline.probes" $component | nindent 6 }}
      {{- include "sightline.lifecycle" $component | nindent 6 }}
      resources: {{- toYaml $component.resources | nindent 8 }}
      {{- include "sightline.containerSecurity" . | nindent 6 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- include "sightline.busMounts" $root | nindent 8 }}
        {{- with $component.volumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 512Mi
    {{- include "sightline.busVolumes" . | nindent 4 }}
    {{- with $component.volumes }}{{ toYaml . | nindent 4 }}{{ end }}
{{- end -}}

{{- define "sightline.ports" -}}
- name: http
  containerPort: 8080
{{- if eq .component.kind "agent" }}
- name: health
  containerPort: 8081
{{- end }}
{{- if eq .name "gateway" }}
- name: websocket
  containerPort: 8090
{{- end }}
{{- end -}}

{{/* Where pods of a component may be, and that they are spread. */}}
{{- define "sightline.placement" -}}
{{- $spread := .root.Values.topologySpread -}}
{{- if $spread.enabled }}
topologySpreadConstraints:
  {{- range $spread.keys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "sightline.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- with .component.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .component.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .component.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
