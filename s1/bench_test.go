package s1_test

import (
	"fmt"
	"strings"
	"testing"

	"s1graph/s1"
)

// The rows have every field that the API description names, at usual lengths.
const (
	applicationRow = `{"agentComputerName":"DESKTOP-{agent}","agentDomain":"WORKGROUP","agentId":"12000000000{agent}","agentInfected":false,"agentIsActive":true,"agentIsDecommissioned":false,"agentMachineType":"laptop","agentNetworkStatus":"connected","agentOperationalState":"na","agentOsType":"windows","agentUuid":"{agent}5a6b4c3d9e8f7a6b5c4d3e2f","agentVersion":"23.4.2.14","createdAt":"2026-03-04T05:06:07.{row}Z","id":"17000000000{row}","installedAt":"2026-01-02T00:00:00Z","name":"Microsoft Visual C++ 2015-2022 Redistributable (x64) - {n}","osType":"windows","publisher":"Microsoft Corporation","riskLevel":"none","signed":true,"size":10{n}77,"type":"app","updatedAt":"2026-11-20T10:11:12.{row}Z","version":"14.38.{n}.0"}`

	agentRow = `{"accountId":"225494730938493804","accountName":"Acme","activeDirectory":{"computerDistinguishedName":"CN=DESKTOP-{agent},OU=Paris,DC=acme,DC=local","computerMemberOf":["CN=Laptops,DC=acme,DC=local"],"lastUserDistinguishedName":"CN=User {agent},DC=acme,DC=local","lastUserMemberOf":["CN=Users,DC=acme,DC=local","CN=VPN,DC=acme,DC=local"],"mail":"user{agent}@acme.example","userPrincipalName":"user{agent}@acme.example"},"activeProtection":[],"activeThreats":0,"agentVersion":"23.4.2.14","allowRemoteShell":true,"appsVulnerabilityStatus":"patch_required","cloudProviders":{},"computerName":"DESKTOP-{agent}","consoleMigrationStatus":"N/A","containerizedWorkloadCounts":null,"coreCount":8,"cpuCount":1,"cpuId":"Intel(R) Core(TM) i7-1185G7 @ 3.00GHz","createdAt":"2025-03-04T05:06:07.{agent}Z","detectionState":null,"domain":"ACME","encryptedApplications":true,"externalId":"","externalIp":"203.0.113.7","firewallEnabled":true,"firstFullModeTime":null,"fullDiskScanLastUpdatedAt":"2026-11-01T08:00:00.000000Z","groupId":"225494730938493017","groupIp":"203.0.113.x","groupName":"Default Group","groupUpdatedAt":null,"hasContainerizedWorkload":false,"id":"12000000000{agent}","inRemoteShellSession":false,"infected":false,"installerType":".msi","isActive":true,"isAdConnector":false,"isDecommissioned":false,"isPendingUninstall":false,"isUninstalled":false,"isUpToDate":true,"lastActiveDate":"2026-11-22T10:11:12.{agent}Z","lastIpToMgmt":"10.0.7.7","lastLoggedInUserName":"user{agent}","lastSuccessfulScanDate":"2026-11-01T08:00:00.000000Z","licenseKey":"","locationEnabled":true,"locationType":"fallback","locations":[{"id":"629380164464502476","name":"Fallback","scope":"global"}],"machineType":"laptop","missingPermissions":["user_action_needed_fda"],"mitigationMode":"protect","mitigationModeSuspicious":"detect","modelName":"Dell Inc. - Latitude 7420","networkInterfaces":[{"gatewayIp":"10.0.0.1","gatewayMacAddress":"00:00:5e:00:01:01","id":"9000{agent}","inet":["10.0.7.7"],"inet6":["fe80::1:2:3:4"],"name":"Ethernet","physical":"aa:bb:cc:00:7f:01"},{"gatewayIp":null,"gatewayMacAddress":null,"id":"9001{agent}","inet":["192.168.1.7"],"inet6":[],"name":"Wi-Fi","physical":"aa:bb:cc:00:7f:02"}],"networkQuarantineEnabled":false,"networkStatus":"connected","operationalState":"na","operationalStateExpiration":null,"osArch":"64 bit","osName":"Windows 11 Pro","osRevision":"22631","osStartTime":"2026-11-20T07:00:00Z","osType":"windows","osUsername":null,"policyUpdatedAt":null,"proxyStates":{"console":false,"deepVisibility":false},"rangerStatus":"Enabled","rangerVersion":"23.4.0.9","registeredAt":"2025-03-04T05:06:07.000000Z","remoteProfilingState":"disabled","remoteProfilingStateExpiration":null,"scanAbortedAt":null,"scanFinishedAt":"2026-11-01T08:00:00.000000Z","scanStartedAt":"2026-11-01T06:00:00.000000Z","scanStatus":"finished","serialNumber":"5CG{agent}","showAlertIcon":false,"siteId":"225494730938493915","siteName":"Paris","storageName":null,"storageType":null,"tags":{"sentinelone":[{"assignedAt":"2026-01-01T00:00:00Z","assignedBy":"admin","assignedById":"1","id":"2","key":"owner","value":"it"}]},"threatRebootRequired":false,"totalMemory":16384,"updatedAt":"2026-11-22T10:11:12.{agent}Z","userActionsNeeded":[],"uuid":"{agent}5a6b4c3d9e8f7a6b5c4d3e2f"}`
)

// thousand is a page of a thousand rows, perAgent of them of each agent.
func thousand(row string, perAgent int) body {
	rows := make([]string, 1000)
	for i := range rows {
		rows[i] = strings.NewReplacer(
			"{agent}", fmt.Sprintf("%06d", i/perAgent), "{row}", fmt.Sprintf("%06d", i), "{n}", fmt.Sprintf("%d", 10+i%perAgent),
		).Replace(row)
	}
	return body(`{"data":[` + strings.Join(rows, ",") + `],"pagination":{"nextCursor":null,"totalItems":1000}}`)
}

func BenchmarkDecodeInstalledApplications(b *testing.B) {
	benchmarkDecode(b, s1.InstalledApplications, thousand(applicationRow, 60))
}

func BenchmarkDecodeAgents(b *testing.B) {
	benchmarkDecode(b, s1.Agents, thousand(agentRow, 1))
}

// Of a console that writes one field of each row in another type than the API document has it, each row is read twice.
func BenchmarkDecodeAgentsWithPatience(b *testing.B) {
	benchmarkDecode(b, s1.Agents, thousand(strings.Replace(agentRow, `"id":"12000000000{agent}"`, `"id":12000000000{agent}`, 1), 1))
}

// benchmarkDecode reads one page again and again, without a socket.
func benchmarkDecode[T any](b *testing.B, endpoint s1.Endpoint[T], page body) {
	client, _ := connect(b, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = page })
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		for page, err := range s1.Pages(b.Context(), client, endpoint, nil) {
			if err != nil {
				b.Fatal(err)
			}
			rows += len(page.Rows)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
