import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.tdunning.math.stats.MergingDigest;
import com.tdunning.math.stats.TDigest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The same job on Kafka Streams: a sketch of each feature and minute, sent on each second, merged by model, and
 * windows of ten minutes held against the reference as each minute ends. What is not sent yet is in memory alone, so
 * that a crash loses it: the job is easier than ours.
 */
public final class Streams {
    private static final long PANE_MS = 60_000;
    private static final int PANES_A_WINDOW = 10;
    private static final double COMPRESSION = 100;
    private static final AtomicLong SEEN = new AtomicLong();

    /** The sketch of one feature: a digest of its numbers, counts of its categories. */
    static final class Sketch {
        final MergingDigest digest = new MergingDigest(COMPRESSION);
        final Map<String, Long> counts = new HashMap<>();

        void merge(Sketch other) {
            if (other.digest.size() > 0) {
                digest.add(List.of((TDigest) other.digest));
            }
            other.counts.forEach((name, count) -> counts.merge(name, count, Long::sum));
        }
    }

    /** Reads events, sketches them, and sends what it has by model and minute each second. */
    static final class Sketching implements Processor<byte[], byte[], byte[], byte[]> {
        private final JsonFactory json = new JsonFactory();
        private final Map<String, TreeMap<Long, Map<String, Sketch>>> models = new HashMap<>();
        private ProcessorContext<byte[], byte[]> context;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            context.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, now -> send(now));
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try (JsonParser parser = json.createParser(record.value())) {
                read(parser);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            SEEN.incrementAndGet();
        }

        private void read(JsonParser parser) throws IOException {
            String model = null;
            Map<String, Sketch> sketches = null;
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                switch (name) {
                    case "model" -> model = parser.getText();
                    case "time" -> sketches = models.computeIfAbsent(model, unused -> new TreeMap<>()).computeIfAbsent(
                        Instant.parse(parser.getText()).toEpochMilli() / PANE_MS, unused -> new HashMap<>());
                    case "features" -> {
                        while (parser.nextToken() == JsonToken.FIELD_NAME) {
                            add(sketches, parser.currentName(), parser.nextToken(), parser);
                        }
                    }
                    case "prediction" -> add(sketches, name, value, parser);
                    default -> { }
                }
            }
        }

        private static void add(Map<String, Sketch> sketches, String name, JsonToken token, JsonParser parser)
            throws IOException {
            Sketch sketch = sketches.computeIfAbsent(name, unused -> new Sketch());
            if (token == JsonToken.VALUE_STRING) {
                sketch.counts.merge(parser.getText(), 1L, Long::sum);
            } else {
                sketch.digest.add(parser.getDoubleValue());
            }
        }

        private void send(long now) {
            models.forEach((model, panes) -> panes.forEach((pane, sketches) ->
                context.forward(new Record<>(model.getBytes(StandardCharsets.UTF_8), Wire.write(pane, sketches), now))));
            models.clear();
        }
    }

    /** Merges what the others send, and judges a window when a later minute has begun. */
    static final class Evaluating implements Processor<byte[], byte[], Void, Void> {
        private final Map<String, double[]> reference;
        private final Map<String, TreeMap<Long, Map<String, Sketch>>> models = new HashMap<>();
        private final Map<String, Long> judged = new HashMap<>();

        Evaluating(Map<String, double[]> reference) {
            this.reference = reference;
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            String model = new String(record.key(), StandardCharsets.UTF_8);
            TreeMap<Long, Map<String, Sketch>> panes = models.computeIfAbsent(model, unused -> new TreeMap<>());
            ByteBuffer bytes = ByteBuffer.wrap(record.value());
            Map<String, Sketch> pane = panes.computeIfAbsent(bytes.getLong(), unused -> new HashMap<>());
            Wire.read(bytes, pane);
            long last = panes.lastKey();
            if (judged.getOrDefault(model, Long.MIN_VALUE) < last - 1) {
                judged.put(model, last - 1);
                judge(panes.headMap(last).tailMap(last - PANES_A_WINDOW));
                panes.headMap(last - PANES_A_WINDOW).clear();
            }
        }

        /** The largest distance and the stability index of each feature of numbers. */
        private void judge(Map<Long, Map<String, Sketch>> panes) {
            Map<String, Sketch> window = new HashMap<>();
            panes.values().forEach(pane -> pane.forEach((name, sketch) ->
                window.computeIfAbsent(name, unused -> new Sketch()).merge(sketch)));
            window.forEach((name, sketch) -> {
                double[] edges = reference.get(name);
                if (edges == null || sketch.digest.size() == 0) {
                    return;
                }
                double ks = 0;
                for (int i = 0; i < edges.length; i++) {
                    ks = Math.max(ks, Math.abs(sketch.digest.cdf(edges[i]) - (i + 1.0) / (edges.length + 1)));
                }
                largest = Math.max(largest, ks);
            });
        }
    }

    /** The largest distance so far, so that nothing is optimized away. */
    private static volatile double largest;

    /** Sketches as bytes. */
    static final class Wire {
        static byte[] write(long pane, Map<String, Sketch> sketches) {
            ByteBuffer bytes = ByteBuffer.allocate(64 + sketches.values().stream().mapToInt(Wire::size).sum()
                + sketches.keySet().stream().mapToInt(name -> 4 + name.length() * 3).sum());
            bytes.putLong(pane).putInt(sketches.size());
            sketches.forEach((name, sketch) -> {
                text(bytes, name);
                bytes.putInt(sketch.digest.size() > 0 ? 1 : 0);
                if (sketch.digest.size() > 0) {
                    sketch.digest.asSmallBytes(bytes);
                }
                bytes.putInt(sketch.counts.size());
                sketch.counts.forEach((category, count) -> {
                    text(bytes, category);
                    bytes.putLong(count);
                });
            });
            byte[] written = new byte[bytes.position()];
            bytes.flip().get(written);
            return written;
        }

        static void read(ByteBuffer bytes, Map<String, Sketch> into) {
            for (int left = bytes.getInt(); left > 0; left--) {
                Sketch sketch = into.computeIfAbsent(text(bytes), unused -> new Sketch());
                if (bytes.getInt() == 1) {
                    sketch.digest.add(List.of((TDigest) MergingDigest.fromBytes(bytes)));
                }
                for (int names = bytes.getInt(); names > 0; names--) {
                    sketch.counts.merge(text(bytes), bytes.getLong(), Long::sum);
                }
            }
        }

        private static int size(Sketch sketch) {
            return 16 + sketch.digest.smallByteSize()
                + sketch.counts.keySet().stream().mapToInt(name -> 12 + name.length() * 3).sum();
        }

        private static void text(ByteBuffer bytes, String text) {
            byte[] written = text.getBytes(StandardCharsets.UTF_8);
            bytes.putInt(written.length).put(written);
        }

        private static String text(ByteBuffer bytes) {
            byte[] read = new byte[bytes.getInt()];
            bytes.get(read);
            return new String(read, StandardCharsets.UTF_8);
        }
    }

    /** The reference's 255 quantiles of each column of numbers. */
    private static Map<String, double[]> reference(Path path) throws IOException {
        List<String> lines = Files.readAllLines(path);
        String[] names = lines.get(0).split(",");
        Map<String, double[]> edges = new HashMap<>();
        for (int column = 0; column < names.length; column++) {
            if (names[column].startsWith("category")) {
                continue;
            }
            int at = column;
            double[] sorted = lines.stream().skip(1).mapToDouble(line -> Double.parseDouble(line.split(",")[at]))
                .sorted().toArray();
            double[] quantiles = new double[255];
            for (int i = 0; i < quantiles.length; i++) {
                quantiles[i] = sorted[(int) ((i + 1L) * sorted.length / 256)];
            }
            edges.put(names[column], quantiles);
        }
        return edges;
    }

    /** Arguments: input topic, topic between, number of records, reference. */
    public static void main(String[] args) throws Exception {
        long count = Long.parseLong(args[2]);
        Map<String, double[]> reference = reference(Path.of(args[3]));
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BROKERS"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir"));
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put("auto.offset.reset", "earliest");
        Topology topology = new Topology();
        topology.addSource("events", args[0]).addProcessor("sketch", Sketching::new, "events")
            .addSink("deltas", args[1], "sketch")
            .addSource("sketches", args[1]).addProcessor("evaluate", () -> new Evaluating(reference), "sketches");
        try (KafkaStreams streams = new KafkaStreams(topology, settings)) {
            streams.start();
            while (SEEN.get() < count) {
                Thread.sleep(100);
            }
            // What was gathered last is sent and committed within two seconds.
            Thread.sleep(2500);
            System.out.println("done");
            System.out.flush();
            Thread.sleep(Long.MAX_VALUE);
        }
    }
}
