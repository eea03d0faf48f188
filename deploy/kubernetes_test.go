package deploy_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/poll"
)

var manifests = []string{"kubernetes/poll.yaml", "kubernetes/cronjob.yaml", "kubernetes/fleet/workers.yaml"}

// schema says what Kubernetes takes.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("testdata/kubernetes-1.34.json")
	require.NoError(t, err)
	return s
}

// validate checks a document as Kubernetes gets it, which is JSON.
func validate(t *testing.T, s *jsonschema.Schema, document any) error {
	t.Helper()
	b, err := json.Marshal(document)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	require.NoError(t, err)
	return s.Validate(value)
}

func TestManifestsAreWhatKubernetesTakes(t *testing.T) {
	s := schema(t)
	for _, file := range manifests {
		for _, document := range documents[map[string]any](t, file) {
			assert.NoError(t, validate(t, s, document), "%s: %v", file, document["kind"])
		}
	}
}

func TestAFaultInAManifestIsSeen(t *testing.T) {
	s := schema(t)
	for name, spoil := range map[string]func(deployment, pod map[string]any){
		"a property that there is none of":  func(d, _ map[string]any) { d["replcias"] = 1 },
		"a property of a pod, misspelled":   func(_, p map[string]any) { p["securityContex"] = map[string]any{} },
		"a value of another kind":           func(d, _ map[string]any) { d["replicas"] = "one" },
		"something left out that must be":   func(d, _ map[string]any) { delete(d, "selector") },
		"no containers":                     func(_, p map[string]any) { delete(p, "containers") },
		"a text where there must be a list": func(_, p map[string]any) { p["volumes"] = "data" },
	} {
		for _, document := range documents[map[string]any](t, "kubernetes/poll.yaml") {
			if document["kind"] != "Deployment" {
				continue
			}
			deployment := document["spec"].(map[string]any)
			spoil(deployment, deployment["template"].(map[string]any)["spec"].(map[string]any))
			assert.Error(t, validate(t, s, document), name)
		}
	}
}

// manifest is what the tests look at of a document of any kind.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas          int
		Strategy          struct{ Type string }
		ConcurrencyPolicy string
		Template          template
		JobTemplate       struct{ Spec struct{ Template template } }
	}
}

type template struct{ Spec pod }

type pod struct {
	AutomountServiceAccountToken  *bool
	TerminationGracePeriodSeconds int
	SecurityContext               struct {
		RunAsNonRoot       bool
		RunAsUser, FSGroup int
		SeccompProfile     struct{ Type string }
	}
	Containers []container
	Volumes    []struct {
		Name                  string
		ConfigMap             struct{ Name string }
		Secret                struct{ SecretName string }
		EmptyDir              *struct{}
		PersistentVolumeClaim struct{ ClaimName string }
	}
}

type container struct {
	Args []string
	Env  []struct {
		Name      string
		ValueFrom struct{ FieldRef struct{ FieldPath string } }
	}
	Ports                         []struct{ ContainerPort int }
	LivenessProbe, ReadinessProbe struct{ HTTPGet struct{ Path string } }
	SecurityContext               struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
	Resources    struct{ Limits struct{ Memory string } }
	VolumeMounts []struct {
		Name, MountPath string
		ReadOnly        bool
	}
}

// deployed is what a file of manifests amounts to.
type deployed struct {
	workload   manifest // the one with a pod
	pod        pod
	container  container
	names      map[string]string // of the other documents, by kind
	configFile string            // s1graph.yaml
}

func deploy(t *testing.T, file string) deployed {
	t.Helper()
	d := deployed{names: map[string]string{}}
	for _, m := range documents[manifest](t, file) {
		switch m.Kind {
		case "Deployment":
			d.workload, d.pod = m, m.Spec.Template.Spec
		case "CronJob":
			d.workload, d.pod = m, m.Spec.JobTemplate.Spec.Template.Spec
		default:
			d.names[m.Kind] = m.Metadata.Name
			if m.Kind == "ConfigMap" {
				d.configFile = m.Data["s1graph.yaml"]
			}
		}
	}
	require.Len(t, d.pod.Containers, 1)
	d.container = d.pod.Containers[0]
	return d
}

// mounts are the volumes of the container by their name.
func (d deployed) mounts() map[string]string {
	mounts := map[string]string{}
	for _, m := range d.container.VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	return mounts
}

func TestManifestsRunACommandThatThereIs(t *testing.T) {
	assertCommand(t, "poll", deploy(t, "kubernetes/poll.yaml").container.Args)
	assertCommand(t, "poll", deploy(t, "kubernetes/fleet/workers.yaml").container.Args)
	assertCommand(t, "run", deploy(t, "kubernetes/cronjob.yaml").container.Args)
}

func TestOneProcessAloneHoldsTheFolder(t *testing.T) {
	d := deploy(t, "kubernetes/poll.yaml").workload
	assert.Equal(t, 1, d.Spec.Replicas)
	assert.Equal(t, "Recreate", d.Spec.Strategy.Type)
	assert.Equal(t, "Forbid", deploy(t, "kubernetes/cronjob.yaml").workload.Spec.ConcurrencyPolicy)
}

func TestWorkersOfAFleetHaveNamesAndNoVolumesOfTheirOwn(t *testing.T) {
	const file = "kubernetes/fleet/workers.yaml"
	d := deploy(t, file)
	assert.Equal(t, 3, d.workload.Spec.Replicas)
	assert.Contains(t, d.names, "PodDisruptionBudget")
	assert.NotContains(t, d.names, "PersistentVolumeClaim")
	settings, _ := here(t, file, d)
	loaded, err := config.Load(sources(t, settings))
	require.NoError(t, err)
	assert.NotEmpty(t, loaded.State)
	var values struct {
		Config struct {
			Cluster   struct{ Replicas int }
			JetStream struct{ Enabled bool }
		}
	}
	for _, document := range documents[map[string]any](t, "kubernetes/fleet/nats-values.yaml") {
		b, err := json.Marshal(document)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &values))
	}
	assert.Equal(t, 3, values.Config.Cluster.Replicas, "nodes, as claims need")
	assert.True(t, values.Config.JetStream.Enabled)
	assert.Equal(t, "nats://s1graph-nats:4222", loaded.NATS, "the name that the chart gives it")
	var named []string
	for _, e := range d.container.Env {
		named = append(named, e.Name+"="+e.ValueFrom.FieldRef.FieldPath)
	}
	assert.Contains(t, named, "S1GRAPH_WORKER=metadata.name")
}

func TestPodsMayDoLittle(t *testing.T) {
	for _, file := range manifests {
		d := deploy(t, file)
		no := false
		assert.Equal(t, &no, d.pod.AutomountServiceAccountToken, file)
		assert.True(t, d.pod.SecurityContext.RunAsNonRoot, file)
		assert.Equal(t, user, d.pod.SecurityContext.RunAsUser, file)
		assert.Equal(t, user, d.pod.SecurityContext.FSGroup, file)
		assert.Equal(t, "RuntimeDefault", d.pod.SecurityContext.SeccompProfile.Type, file)
		assert.Equal(t, &no, d.container.SecurityContext.AllowPrivilegeEscalation, file)
		assert.True(t, d.container.SecurityContext.ReadOnlyRootFilesystem, file)
		assert.Equal(t, []string{"ALL"}, d.container.SecurityContext.Capabilities.Drop, file)
		for _, m := range d.container.VolumeMounts {
			assert.Equal(t, m.MountPath != home, m.ReadOnly, "%s: %s", file, m.MountPath)
		}
	}
}

func TestWhatAPodMountsIsThere(t *testing.T) {
	for _, file := range manifests {
		d := deploy(t, file)
		mounts := d.mounts()
		require.Len(t, d.pod.Volumes, len(mounts), file)
		for _, v := range d.pod.Volumes {
			assert.Contains(t, mounts, v.Name, file)
			switch {
			case v.ConfigMap.Name != "":
				assert.Equal(t, d.names["ConfigMap"], v.ConfigMap.Name, file)
				assert.Equal(t, filepath.Dir(configFile), mounts[v.Name], file)
			case v.PersistentVolumeClaim.ClaimName != "":
				assert.Equal(t, d.names["PersistentVolumeClaim"], v.PersistentVolumeClaim.ClaimName, file)
				assert.Equal(t, home, mounts[v.Name], file)
			case v.EmptyDir != nil: // of a worker of a fleet
				assert.Equal(t, home, mounts[v.Name], file)
			default:
				assert.Contains(t, strings.Join(commandsIn(t, file), "\n"), "kubectl create secret generic "+v.Secret.SecretName+" --from-file=", file)
			}
		}
	}
}

// here is a configuration file with the folder and the token of a pod in a place that there is.
func here(t *testing.T, file string, d deployed) (settings string, token string) {
	t.Helper()
	token = tokenIn(t)
	inPod := d.mounts()["token"] + "/token"
	require.Contains(t, d.configFile, "tokenFile: "+inPod+"\n", file)
	return strings.ReplaceAll(d.configFile, inPod, token), token
}

func TestTheConfigurationOfAPodLoads(t *testing.T) {
	for _, file := range manifests {
		settings, token := here(t, file, deploy(t, file))
		loaded, err := config.Load(sources(t, settings))
		require.NoError(t, err, file)
		assert.Empty(t, loaded.Warnings, file)
		assert.Equal(t, token, loaded.TokenFile, file)
		assert.Equal(t, home, filepath.Dir(loaded.Dir), file)
		assert.Equal(t, "json", loaded.Log.Format, file)
	}
}

func TestProbesReachThePod(t *testing.T) {
	d := deploy(t, "kubernetes/poll.yaml")
	file, _ := here(t, "kubernetes/poll.yaml", d)
	settings, err := config.LoadService(sources(t, strings.ReplaceAll(file, home, t.TempDir())))
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(settings.Listen)
	require.NoError(t, err)
	assert.Empty(t, host, "the kubelet asks from outside")
	require.Len(t, d.container.Ports, 1)
	assert.Equal(t, strconv.Itoa(d.container.Ports[0].ContainerPort), port)

	service, err := poll.New(poll.Config{Settings: settings})
	require.NoError(t, err)
	for path, want := range map[string]int{
		d.container.LivenessProbe.HTTPGet.Path:  http.StatusOK,
		d.container.ReadinessProbe.HTTPGet.Path: http.StatusServiceUnavailable, // before the first run
	} {
		answer := httptest.NewRecorder()
		service.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.1.2.3:"+port+path, nil)) // by the IP address of the pod
		assert.Equal(t, want, answer.Code, path)
	}
	assert.Greater(t, d.pod.TerminationGracePeriodSeconds, 30, "a run that is under way has 30 seconds")
}
