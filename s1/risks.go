package s1

import (
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Risks is the list of vulnerabilities. It takes one account, site or group in a question.
var Risks = Endpoint[Risk]{Path: "/application-management/risks", MaxLimit: 1000}

// RiskyApplications is the list of the applications that have vulnerabilities; only how many there are is asked.
var RiskyApplications = Endpoint[struct{}]{Path: "/application-management/risks/applications", MaxLimit: 1000}

// Risk is a row of /application-management/risks: one vulnerability of one version of an application on one agent, whose ID
// is EndpointID. What moves with each day or each scan is not read (daysDetected, lastScanDate).
type Risk struct {
	Application         string `json:"application,omitzero"` // name and version
	ApplicationName     string `json:"applicationName,omitzero"`
	ApplicationVendor   string `json:"applicationVendor,omitzero"`
	ApplicationVersion  string `json:"applicationVersion,omitzero"`
	BaseScore           string `json:"baseScore,omitzero"` // a decimal
	CVEID               string `json:"cveId,omitzero"`
	CVSSVersion         string `json:"cvssVersion,omitzero"`
	DetectionDate       Time   `json:"detectionDate,omitzero"`
	EndpointID          string `json:"endpointId,omitzero"`
	ExploitCodeMaturity string `json:"exploitCodeMaturity,omitzero"`
	ID                  string `json:"id,omitzero"`
	MarkType            Mark   `json:"markType,omitzero"`
	MitigationStatus    string `json:"mitigationStatus,omitzero"`
	NVDBaseScore        string `json:"nvdBaseScore,omitzero"` // a decimal
	NVDCVSSVersion      string `json:"nvdCvssVersion,omitzero"`
	OSType              string `json:"osType,omitzero"`
	PublishedDate       Time   `json:"publishedDate,omitzero"`
	RemediationLevel    string `json:"remediationLevel,omitzero"`
	RiskScore           string `json:"riskScore,omitzero"` // a decimal
	Severity            string `json:"severity,omitzero"`
	Status              string `json:"status,omitzero"`
}

// Mark is what an analyst marked a Risk as; "" where nobody did. Consoles send a text, or an object that has it as its type.
type Mark string

// UnmarshalJSONFrom reads the text, or the object's type.
func (m *Mark) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	*m = Mark(textOf(v, false))
	if err == nil && v.Kind() == '{' && *m == "" {
		var object struct {
			Type Text `json:"type"`
		}
		if json.Unmarshal(v, &object, lenient) == nil {
			*m = Mark(object.Type)
		}
	}
	return err
}

// IsFalsePositive says whether the mark says that there is no vulnerability. It is compared as a whole: to close what is open is
// worse than to keep it.
func (m Mark) IsFalsePositive() bool {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '_' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(string(m)))
	return letters == "falsepositive"
}
