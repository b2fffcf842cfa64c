import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Sends events, one JSON object a line of standard input, with what Java 17 brings along: `java Send.java`.
 *
 * EVENT_SERVICE is the address of the service, WRITE_KEY a key if it wants one. Each batch is sent until the service has
 * counted or rejected every event of it. The ids stay the same, so what was counted already is a duplicate and nothing more.
 */
public final class Send {
  private static final int BATCH = 1000;
  /** A receipt says how many events were not accepted; a program that has a JSON library reads `errors` as well. */
  private static final Pattern UNAVAILABLE = Pattern.compile("\"unavailable\":(\\d+)");
  private static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

  private Send() {}

  public static void main(String[] args) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    List<String> batch = new ArrayList<>();
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      batch.add(line);
      if (batch.size() == BATCH) {
        send(batch);
        batch.clear();
      }
    }
    if (!batch.isEmpty()) send(batch);
  }

  private static void send(List<String> lines) throws InterruptedException {
    HttpRequest request = request(String.join("\n", lines));
    for (long pause = 500; ; pause = Math.min(2 * pause, 30_000)) {
      long wait = pause;
      try {
        HttpResponse<String> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
        var unavailable = UNAVAILABLE.matcher(response.body());
        boolean isReceipt = unavailable.find();
        boolean isTaken = isReceipt && unavailable.group(1).equals("0");
        if (isTaken) {
          if (response.statusCode() != 200) System.err.println(response.body());
          return;
        }
        if (!isReceipt && response.statusCode() < 500 && response.statusCode() != 429) {
          System.err.println(response.body());
          System.exit(1);
        }
        wait = Math.max(pause, 1000 * response.headers().firstValueAsLong("Retry-After").orElse(0));
      } catch (IOException noAnswer) {
        // It may have counted; sending again tells.
      }
      Thread.sleep(wait);
    }
  }

  private static HttpRequest request(String body) {
    String base = System.getenv().getOrDefault("EVENT_SERVICE", "http://localhost:8080");
    HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + "/events"))
        .timeout(Duration.ofSeconds(30))
        .header("Content-Type", "application/x-ndjson")
        .POST(HttpRequest.BodyPublishers.ofString(body));
    String key = System.getenv("WRITE_KEY");
    if (key != null) builder.header("Authorization", "Bearer " + key);
    return builder.build();
  }
}
