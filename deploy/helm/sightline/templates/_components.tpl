{{/*
The services that are enabled and the custom workers, as one map in YAML: name -> its section, with
  kind   service, agent or worker: how it is probed and stopped
  stage  the stage that it serves, where it serves one
*/}}
{{- define "sightline.components" -}}
{{- $found := dict -}}
{{- $own := dict "room-ingest" .Values.roomIngest "captioner" .Values.captioner "encoder" .Values.encoder "agent" .Values.agent "gateway" .Values.gateway -}}
{{- range $name, $section := $own -}}
{{- if $section.enabled -}}
{{- $component := deepCopy $section -}}
{{- $_ := set $component "kind" (eq $name "agent" | ternary "agent" "service") -}}
{{- $_ := set $component "stage" (has $name (list "captioner" "encoder") | ternary $name "") -}}
{{- $_ := set $found $name $component -}}
{{- end -}}
{{- end -}}
{{- range $name, $section := .Values.workers -}}
{{- $component := include "sightline.withDefaults" (dict "section" $section "defaults" $.Values.workerDefaults) | fromYaml -}}
{{- $_ := set $component "kind" "worker" -}}
{{- $_ := set $component "stage" $name -}}
{{- $_ := set $found $name $component -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* A worker's section over the defaults, two levels deep. `merge` would take `false` and 0 for absent. */}}
{{- define "sightline.withDefaults" -}}
{{- $result := deepCopy .defaults -}}
{{- range $key, $value := .section -}}
{{- if and (kindIs "map" $value) (kindIs "map" (index $result $key)) -}}
{{- $inner := index $result $key -}}
{{- range $innerKey, $innerValue := $value -}}
{{- $_ := set $inner $innerKey $innerValue -}}
{{- end -}}
{{- else -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* Which stages have queues: what `sightline init` creates. */}}
{{- define "sightline.stages" -}}
{{- $stages := list -}}
{{- range $name, $component := include "sightline.components" . | fromYaml -}}
{{- with $component.stage -}}{{- $stages = append $stages . -}}{{- end -}}
{{- end -}}
{{- $stages | join " " -}}
{{- end -}}

{{/* "keda", "hpa" or "": (dict "root" $ "component" $component) */}}
{{- define "sightline.scaledBy" -}}
{{- $autoscaling := .component.autoscaling -}}
{{- $kind := .root.Values.autoscaling.kind -}}
{{- if and $autoscaling $autoscaling.enabled (ne $kind "none") -}}
{{- if or .component.stage (eq $kind "keda") -}}{{- $kind -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Numbers of values are floats, and 1000000 would be written 1e+06. */}}
{{- define "sightline.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- end -}}
