#!/bin/sh
# Assembles Trino 435 (the last version for Java 17, and the nearest to Athena's engine v3 that can be had)
# into .cache/standins/trino: engine and Hive connector from Maven Central, 263 MB, plus two small classes of
# our own. Needs mvn, javac and jar. Running it again does nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
to=${UPSHOT_TRINO_HOME:-$root/.cache/standins/trino}
version=435
main=$here/src/TrinoMain.java
files=$here/src/io/trino/filesystem/hdfs/HdfsFileSystemManager.java

for tool in mvn javac jar; do
	command -v "$tool" >/dev/null || { echo "trino: $tool is not installed" >&2; exit 1; }
done

# The published parts, once for each version.
if [ "$(cat "$to/version" 2>/dev/null)" != "$version" ]; then
	work=$to.part
	rm -rf "$work"
	mkdir -p "$work/plugin" "$work/lib"
	cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>trino-standin</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.trino</groupId><artifactId>trino-main</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
POM
	plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
	mvn -q -B -f "$work/pom.xml" $plugin:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$work/lib"
	mvn -q -B -f "$work/pom.xml" $plugin:copy "-Dartifact=io.trino:trino-hive:$version:zip" "-DoutputDirectory=$work"
	(cd "$work" && jar xf "trino-hive-$version.zip" && rm "trino-hive-$version.zip")
	mv "$work/trino-hive-$version" "$work/plugin/hive"
	echo "$version" >"$work/version"
	rm -rf "$to"
	mv "$work" "$to"
fi

# Our two classes, whenever they change.
want=$(cat "$main" "$files" | cksum)
if [ "$(cat "$to/classes" 2>/dev/null)" != "$want" ]; then
	rm -rf "$to/build" "$to/lib/classes" "$to/plugin/hive/hdfs"
	mkdir -p "$to/build" "$to/lib/classes" "$to/plugin/hive/hdfs"
	javac -cp "$to/lib/*" -d "$to/lib/classes" "$main"
	javac -cp "$to/lib/*:$to/plugin/hive/*" -d "$to/build" "$files"
	jar cf "$to/plugin/hive/hdfs/local-fs.jar" -C "$to/build" io
	cp "$to/plugin/hive/trino-filesystem-$version.jar" "$to/plugin/hive/hdfs/"
	echo "$want" >"$to/classes"
fi
