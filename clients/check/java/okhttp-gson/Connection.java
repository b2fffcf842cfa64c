import org.openapitools.client.ApiClient;
import org.openapitools.client.auth.HttpBearerAuth;

/** A client that knows for itself which operation takes which key. */
class Connection {
  static ApiClient open(String url, String writeKey, String readKey) {
    ApiClient client = new ApiClient().setBasePath(url);
    ((HttpBearerAuth) client.getAuthentication("writeKey")).setBearerToken(writeKey);
    ((HttpBearerAuth) client.getAuthentication("readKey")).setBearerToken(readKey);
    return client;
  }
}
