import org.openapitools.client.ApiClient;

/** A client without a notion of keys: events are posted with one, and everything else is read with the other. */
class Connection {
  static ApiClient open(String url, String writeKey, String readKey) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(url);
    client.setRequestInterceptor((request) -> {
      String key = "POST".equals(request.build().method()) ? writeKey : readKey;
      if (key != null) request.header("Authorization", "Bearer " + key);
    });
    return client;
  }
}
