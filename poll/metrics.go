package poll

import (
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"s1graph/alerts/outbox"
	"s1graph/connector"
	"s1graph/s1"
	"s1graph/state"
)

// metrics are what /metrics tells: counters of what happened, and how things are when they are asked for. The values
// of labels come from the configuration, the data model and the API description, so that there are few; nothing that
// was written in a tenant is among them.
type metrics struct {
	registry                                                                   *prometheus.Registry
	to                                                                         prometheus.Registerer // the registry, with the label that all metrics have
	runs, skipped, notDue, requests, retries, changes, alerts, movedOn, fenced *prometheus.CounterVec
	stateSeconds, stateBytes                                                   *prometheus.SummaryVec
}

// newMetrics are those of a worker of a fleet, which is a label of all; "" where there is no fleet.
func newMetrics(version, worker string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.to = m.registry
	if worker != "" {
		m.to = prometheus.WrapRegistererWith(prometheus.Labels{"worker": worker}, m.registry)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"instance"}, labels...))
		m.to.MustRegister(c)
		return c
	}
	m.runs = counter("s1graph_runs_total", "Runs by how they ended: complete, partial or failed.", "status")
	m.skipped = counter("s1graph_runs_skipped_total", "Runs that were due and were skipped, since the one before was still under way or another process ran the instance.")
	m.notDue = counter("s1graph_polls_nothing_due_total", "Polls at which no step was due, so that nothing was committed.")
	m.requests = counter("s1graph_requests_total", "Requests to the Management API by path and status, none being no whole answer.", "path", "status")
	m.retries = counter("s1graph_request_retries_total", "Requests that were sent again, by path and the status that made it necessary.", "path", "status")
	m.changes = counter("s1graph_changes_total", "Changes by type and kind. Those of a baseline count as created, updated or deleted too.", "type", "kind")
	m.alerts = counter("s1graph_alerts_total", "Alerts by rule, destination and outcome: raised, delivered, failed (and retried) or dead. Raised is counted once, for all destinations.", "rule", "destination", "status")
	m.movedOn = counter("s1graph_moved_on_total", "Times that Neo4j, events or alerts were moved past runs that they did not see: see the run's notices.", "consumer")
	m.to.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "s1graph_build_info", Help: "Always 1.",
			ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
		}, func() float64 { return 1 }),
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4})
}

// ofBucket are the metrics of a service whose instances are in a bucket too.
func (m *metrics) ofBucket() {
	m.fenced = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "s1graph_fenced_total", Help: "Times that the bucket refused what this worker wrote of an instance, or asked for it, since another one has the instance."}, []string{"instance"})
	summary := func(name, help string) *prometheus.SummaryVec {
		return prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: name, Help: help}, []string{"op"})
	}
	m.stateSeconds = summary("s1graph_state_seconds", "Seconds that operations on the bucket took: take, prepare, run, mend, settled or outbox.")
	m.stateBytes = summary("s1graph_state_bytes", "Bytes that operations on the bucket wrote and read.")
	m.to.MustRegister(m.fenced, m.stateSeconds, m.stateBytes)
}

// operation counts one on the bucket.
func (m *metrics) operation(instance, op string, took time.Duration, bytes int64, err error) {
	m.stateSeconds.WithLabelValues(op).Observe(took.Seconds())
	m.stateBytes.WithLabelValues(op).Observe(float64(bytes))
	if errors.Is(err, state.ErrFenced) {
		m.fenced.WithLabelValues(instance).Inc()
	}
}

// request counts one request.
func (m *metrics) request(instance string, a s1.Attempt) {
	m.requests.WithLabelValues(instance, a.Path, statusLabel(a.Status)).Inc()
	if a.Retry {
		m.retries.WithLabelValues(instance, a.Path, statusLabel(a.Before)).Inc()
	}
}

func statusLabel(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

// run counts a run that has ended, and the changes that it committed.
func (m *metrics) run(s connector.Summary) {
	m.runs.WithLabelValues(s.Instance, string(s.Status)).Inc()
	for _, moved := range s.MovedOn {
		m.movedOn.WithLabelValues(s.Instance, moved.Consumer).Inc()
	}
	if s.Status == connector.Failed {
		return
	}
	for name, counts := range s.Changes {
		for kind, n := range map[string]int64{
			"created": counts.Created, "updated": counts.Updated, "deleted": counts.Deleted,
			"touched": counts.Touched, "rekeyed": counts.Rekeyed, "baseline": counts.Baseline,
		} {
			if n > 0 {
				m.changes.WithLabelValues(s.Instance, name, kind).Add(float64(n))
			}
		}
	}
}

// watch lets the metrics tell how the service's instances are.
func (m *metrics) watch(s *Service) {
	m.to.MustRegister(gauges{s})
	for _, i := range s.instances {
		if i.replica != nil {
			m.fenced.WithLabelValues(i.settings.Instance)
		}
		for _, status := range []connector.Status{connector.Complete, connector.Partial, connector.Failed} {
			m.runs.WithLabelValues(i.settings.Instance, string(status))
		}
		m.skipped.WithLabelValues(i.settings.Instance)
		m.notDue.WithLabelValues(i.settings.Instance)
		for _, consumer := range connector.ConsumerNames() {
			m.movedOn.WithLabelValues(i.settings.Instance, consumer)
		}
	}
}

// gauges tell how instances are at the moment when they are asked for.
type gauges struct{ service *Service }

// Describe implements prometheus.Collector: what a gauge is stands where it is told.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	if f := g.service.Fleet; f != nil {
		held, lost, members, skew := f.Counts()
		tell := func(name, help string, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, value)
		}
		tell("s1graph_claims_held", "Instances that this worker of the fleet has.", prometheus.GaugeValue, float64(held))
		tell("s1graph_claims_lost_total", "Claims to instances that this worker lost before it gave them back.", prometheus.CounterValue, float64(lost))
		tell("s1graph_fleet_members", "Workers that this one hears of, itself included: 0 where NATS is away.", prometheus.GaugeValue, float64(members))
		tell("s1graph_clock_skew_seconds", "By how much this machine's clock is ahead of that of NATS.", prometheus.GaugeValue, skew.Seconds())
		var names []string
		for _, i := range g.service.instances {
			names = append(names, i.settings.Instance)
		}
		if n, isOne := f.Unclaimed(names); isOne {
			tell("s1graph_unclaimed_instances", "Instances that no worker has. One worker of all tells it.", prometheus.GaugeValue, float64(n))
		}
	}
	for _, i := range g.service.instances {
		if i.state().activity == standby { // they are for who has it to tell
			continue
		}
		i.tellGauges(g.service.Now(), func(name, help string, value float64, labels ...string) {
			names, values := []string{"instance"}, []string{i.settings.Instance}
			for label := range slices.Chunk(labels, 2) {
				names, values = append(names, label[0]), append(values, label[1])
			}
			to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...)
		})
	}
}

// tellGauges tells of an instance; labels are names and values in turn.
func (i *instance) tellGauges(now time.Time, tell func(name, help string, value float64, labels ...string)) {
	is := i.state()
	tell("s1graph_ready", "1 where the last good run is recent enough, else 0.", number(i.unready(is, now) == ""))
	tell("s1graph_failed_runs_in_a_row", "Runs that failed since the last good one.", float64(is.failedInRow))
	for name, n := range is.good.Entities {
		tell("s1graph_entities", "Entities in the graph by type.", float64(n), "type", name)
	}
	for name, n := range is.good.Relationships {
		tell("s1graph_relationships", "Relationships in the graph by type.", float64(n), "type", name)
	}
	for _, step := range is.good.Steps {
		tell("s1graph_step_state", "1 for the state that a step of the last good run ended in: ok, failed, refused, unavailable or skipped.", 1,
			"step", step.ID, "state", step.State)
		if at := step.LastReadAt; !at.IsZero() {
			tell("s1graph_step_read_age_seconds", "Seconds since a step was last read whole, by this run or an earlier one.", now.Sub(at).Seconds(), "step", step.ID)
			if every := connector.IntervalOf(i.settings, step.ID, at); every > 0 {
				tell("s1graph_step_interval_seconds", "Seconds between two readings of a step, as polls are configured; of a cron expression a third of the time of three polls.", every.Seconds(), "step", step.ID)
			}
		}
	}
	for name, n := range is.good.WithheldDeletions {
		tell("s1graph_withheld_deletions", "Deletions by type that the deletion guard withheld in the last good run.", float64(n), "type", name)
	}
	if o := is.good.Overview; o != nil {
		for name, n := range o.Figures {
			tell("s1graph_overview", "How the fleet was at the last good run, by figure; docs/operations.md has them.", float64(n), "figure", name)
		}
		for _, l := range o.Licenses {
			tell("s1graph_site_licenses_used", "Licenses that a site uses, by its ID.", float64(l.Used), "site", l.Site)
			if l.Total > 0 {
				tell("s1graph_site_licenses", "Licenses that a site may use, by its ID; not there where it may use any number.", float64(l.Total), "site", l.Site)
			}
		}
	}
	for _, store := range is.good.Stores {
		tell("s1graph_store_behind", "1 where a store does not hold the last good run, else 0.", number(store.Behind), "store", store.Name)
	}
	if at := is.good.FinishedAt; !at.IsZero() {
		tell("s1graph_last_good_run_age_seconds", "Seconds since the end of the last run that was committed.", now.Sub(at).Seconds())
	}
	if at := is.tokenExpiresAt(); !at.IsZero() {
		tell("s1graph_token_expires_in_days", "Days until the API token expires; negative once it has.", at.Sub(now).Hours()/24)
	}
	counts := i.alerting.counts()
	if counts != nil { // 0 is told too: where a gauge is gone, Prometheus takes its last values for what is
		for _, d := range i.alerting.engine.Destinations {
			if !slices.ContainsFunc(counts, func(c outbox.Count) bool { return c.Destination == d.Name }) {
				counts = append(counts, outbox.Count{Destination: d.Name})
			}
		}
	}
	for _, c := range counts {
		tell("s1graph_alerts_queued", "Alerts that wait to be delivered.", float64(c.Queued), "destination", c.Destination)
		tell("s1graph_alerts_dead", "Alerts that failed and are kept: see s1graph alerts list.", float64(c.Dead), "destination", c.Destination)
	}
	if i.alerting.engine != nil {
		tell("s1graph_alerts_held", "1 where alerts are not sent since alerts.db cannot be read or written, else 0.", number(i.alerting.held() != nil))
	}
	last := is.last
	if last.StartedAt.IsZero() {
		return
	}
	tell("s1graph_run_seconds", "Seconds that the last run took.", last.FinishedAt.Sub(last.StartedAt).Seconds())
	tellStep := func(name string, seconds float64) {
		tell("s1graph_step_seconds", "Seconds that a step of the last run took, or the writing to a store.", seconds, "step", name)
	}
	for _, step := range last.Steps {
		tellStep(step.ID, step.Seconds)
	}
	for _, store := range last.Stores {
		tellStep(store.Name, store.Seconds)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
