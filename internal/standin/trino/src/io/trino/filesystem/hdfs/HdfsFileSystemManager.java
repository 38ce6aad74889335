package io.trino.filesystem.hdfs;

import io.opentelemetry.api.OpenTelemetry;
import io.trino.filesystem.TrinoFileSystemFactory;
import io.trino.filesystem.local.LocalFileSystemFactory;
import io.trino.spi.NodeManager;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Gives the Hive connector the files below one local folder as "local:///...".
 * The connector loads this class by reflection in place of Hadoop's: its name and the
 * constructor's parameter types must be exactly these.
 */
public final class HdfsFileSystemManager {
    private final String root;

    public HdfsFileSystemManager(
            Map<String, String> config,
            boolean azure,
            boolean gcs,
            boolean s3,
            String catalog,
            NodeManager nodes,
            OpenTelemetry telemetry) {
        root = config.get("local.location");
    }

    /** The configuration names that this class has used; Trino refuses others. */
    public Set<String> configure() {
        return Set.of("local.location");
    }

    public TrinoFileSystemFactory create() {
        return new LocalFileSystemFactory(Path.of(root));
    }

    public void stop() {}
}
