import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;

import java.io.FileInputStream;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/** Debezium's embedded engine consuming to nowhere: counts records with a value and says how long the wanted number took. */
public class DebeziumPeer {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (FileInputStream file = new FileInputStream(arguments[0])) {
            properties.load(file);
        }
        long wanted = Long.parseLong(arguments[1]);
        AtomicLong seen = new AtomicLong();
        AtomicLong first = new AtomicLong();
        AtomicLong last = new AtomicLong();
        CountDownLatch done = new CountDownLatch(1);
        DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
                .using(properties)
                .using((success, message, error) -> {
                    if (!success) {
                        System.err.println(message);
                        if (error != null) error.printStackTrace();
                    }
                    done.countDown();
                })
                .notifying((records, committer) -> {
                    first.compareAndSet(0, System.nanoTime());
                    for (ChangeEvent<String, String> record : records) {
                        if (record.value() != null) seen.incrementAndGet();
                        committer.markProcessed(record);
                    }
                    committer.markBatchFinished();
                    last.set(System.nanoTime());
                    if (seen.get() >= wanted) done.countDown();
                })
                .build();
        ExecutorService executor = Executors.newSingleThreadExecutor();
        executor.execute(engine);
        done.await();
        System.out.println(seen.get() + " " + (last.get() - first.get()) / 1e9);
        System.out.flush();
        Runtime.getRuntime().halt(seen.get() >= wanted ? 0 : 1);
    }
}
