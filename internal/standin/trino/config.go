package trino

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The users that the server knows: only setup may change anything.
const (
	setup  = "setup"
	reader = "reader"
)

// configure writes the server's configuration into dir. Times are read at
// milliseconds, as Athena reads them. Files are those of the whole machine,
// under local:///, so that one server has lakes in any folder; it listens on
// the loopback address only, and readers can write nothing.
func configure(dir, home string, port int) error {
	rules := filepath.Join(dir, "etc", "rules.json")
	for name, lines := range map[string][]string{
		"etc/config.properties": {
			"node.environment=test", "node.id=standin",
			"node.bind-ip=127.0.0.1", "node.internal-address=127.0.0.1",
			"coordinator=true", "node-scheduler.include-coordinator=true",
			"http-server.http.enabled=true", fmt.Sprintf("http-server.http.port=%d", port),
			fmt.Sprintf("discovery.uri=http://127.0.0.1:%d", port),
			"query.max-memory=600MB", "query.max-memory-per-node=600MB",
			"catalog.config-dir=etc/catalog", "plugin.dir=" + filepath.Join(home, "plugin"),
		},
		"etc/log.properties":            {"io.trino=WARN", "io.airlift=WARN", "org.hibernate=WARN"},
		"etc/access-control.properties": {"access-control.name=file", "security.config-file=" + rules},
		"etc/rules.json":                {`{"catalogs": [{"user": "` + setup + `", "allow": "all"}, {"allow": "read-only"}]}`},
		"etc/catalog/" + catalogName + ".properties": {
			"connector.name=hive",
			"hive.metastore=file", "hive.metastore.catalog.dir=local://" + filepath.Join(dir, "meta"),
			"local.location=/",
			"hive.timestamp-precision=MILLISECONDS",
			"hive.partition-projection-enabled=true", "hive.ignore-absent-partitions=true",
			"hive.non-managed-table-writes-enabled=true",
		},
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(dir, "meta"), 0o750)
}

// catalogName is Athena's, so that texts which name it hold on both.
const catalogName = "awsdatacatalog"

// arguments start the server: quick to start rather than quick at length, and
// in little memory.
func arguments(home string) []string {
	return []string{
		"-server", "-Xmx1500M", "-XX:+UseG1GC", "-XX:G1HeapRegionSize=32M", "-XX:+ExitOnOutOfMemoryError",
		// With the second compiler the tests took half as much CPU again.
		"-XX:ReservedCodeCacheSize=256M", "-XX:TieredStopAtLevel=1",
		"-Djdk.attach.allowAttachSelf=true", "-Djdk.nio.maxCachedBufferSize=2000000",
		"-Dfile.encoding=UTF-8", "-Duser.timezone=UTC",
		"-Dconfig=etc/config.properties", "-Dlog.levels-file=etc/log.properties",
		"-cp", filepath.Join(home, "lib", "classes") + ":" + filepath.Join(home, "lib", "*"), "TrinoMain",
	}
}
