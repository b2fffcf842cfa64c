// Drives the clients that openapi-generator makes for Java; they differ in how they connect, which Connection says.
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.ApiResponse;
import org.openapitools.client.api.AnalyticsApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.api.OperationsApi;
import org.openapitools.client.model.*;

public class Driver {
  static ActivityEvent event(double amount, OffsetDateTime timestamp) {
    return new ActivityEvent().eventId(UUID.randomUUID()).userId("ada").eventType(EventType.PURCHASE).timestamp(timestamp)
      .properties(new EventProperties().amount(amount));
  }

  static void equal(Object actual, Object expected) {
    if (!actual.equals(expected)) throw new AssertionError(actual + " is not " + expected);
  }

  /** The status of a call, also of one that fails. */
  static int status(Callable<?> call) throws Exception {
    try {
      call.call();
      return 200;
    } catch (ApiException error) {
      return error.getCode();
    }
  }

  public static void main(String[] args) throws Exception {
    String base = System.getenv("BASE_URL"), stub = System.getenv("STUB_URL");
    ApiClient client = Connection.open(base, "writer", "reader"); // one client with both keys
    EventsApi events = new EventsApi(client);
    AnalyticsApi analytics = new AnalyticsApi(client);
    List<ActivityEvent> good = List.of(event(1234567.89, OffsetDateTime.now()), event(0.1, OffsetDateTime.now()));
    ActivityEvent bad = event(1, OffsetDateTime.parse("2099-01-01T00:00:00Z"));

    ApiResponse<Receipt> mixed = events.sendEventsWithHttpInfo(List.of(good.get(0), good.get(1), bad), null, null);
    equal(mixed.getStatusCode(), 207);
    equal(mixed.getData().getAccepted(), 2L);
    equal(mixed.getData().getErrors().get(0).getCode(), "timestamp_in_future");
    equal(events.sendEvents(good.subList(0, 1), null, null).getDuplicates(), 1L);
    equal(status(() -> events.sendEvents(List.of(bad), null, null)), 422);

    equal(analytics.getSummary(TimeWindow.ONE_HOUR).getTotalEvents(), 2L);
    equal(analytics.listUserCounts(null, null, null).getUsers().get(0).getUserId(), "ada");
    equal(analytics.getTimeSeries(null, Interval.MINUTE).getSeries().stream().mapToLong(TimeStep::getTotalEvents).sum(), 2L);

    List<Double> amounts = new ArrayList<>();
    String after = "earliest";
    for (boolean more = true; more;) {
      EventPage page = events.listEvents(after, 1L, null, null);
      for (ActivityEvent found : page.getEvents()) amounts.add(found.getProperties().getAmount());
      after = page.getCursor();
      more = page.getHasMore();
    }
    equal(amounts, List.of(1234567.89, 0.1));
    equal(new OperationsApi(Connection.open(base, null, null)).getHealth().getStore().getLogBytes() > 0, true);
    equal(status(() -> events.listEvents("nonsense", null, null, null)), 400);
    equal(status(() -> new AnalyticsApi(Connection.open(base, null, null)).getSummary(null)), 401);
    equal(status(() -> new AnalyticsApi(Connection.open(base, "other", "other")).getSummary(null)), 401);
    equal(status(() -> new EventsApi(Connection.open(base, "reader", "reader")).sendEvents(good, null, null)), 403);

    Receipt newer = new EventsApi(Connection.open(stub, "writer", null)).sendEvents(good, null, null);
    equal(newer.getErrors().get(0).getCode(), "a_code_of_tomorrow");
    equal(new OperationsApi(Connection.open(stub, null, null)).getHealth().getStore().getLogBytes(), 3_000_000_000L);
    System.exit(0); // the client's threads would live on for a minute
  }
}
