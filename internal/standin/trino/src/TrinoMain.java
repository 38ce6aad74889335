import java.io.IOException;

/**
 * Starts Trino's own server from its published library: the stock tarball only adds a launcher.
 * The server ends when its standard input does, so that none outlives the test that started it.
 */
public final class TrinoMain {
    private TrinoMain() {}

    public static void main(String[] args) {
        Thread watch = new Thread(TrinoMain::waitForEnd, "end of input");
        watch.setDaemon(true);
        watch.start();
        new io.trino.server.Server().start("435");
    }

    private static void waitForEnd() {
        try {
            while (System.in.read() >= 0) {
                continue;
            }
        } catch (IOException e) {
            // as good as its end
        }
        Runtime.getRuntime().halt(0);
    }
}
