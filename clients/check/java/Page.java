// Does what the page for Java says; the line below stands for its methods.
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AnalyticsApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.auth.HttpBearerAuth;
import org.openapitools.client.model.*;

public class Page {
// THE PAGE

  static ActivityEvent event() {
    return new ActivityEvent().eventId(UUID.randomUUID()).userId("ada").eventType(EventType.CLICK).timestamp(OffsetDateTime.now());
  }

  public static void main(String[] args) throws Exception {
    ApiClient client = connect(System.getenv("REHEARSAL_URL"), "writer", "reader");
    if (send(client, List.of(event(), event(), event())).getRejected() != 1L) throw new AssertionError("the last receipt is given back");
    if (total(client) != 12) throw new AssertionError("the example of a summary is read");
    System.exit(0); // the client's threads would live on for a minute
  }
}
