// Drives the client that openapi-generator makes for Go.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"time"

	events "check/client"
)

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("%v is not %v", actual, expected))
	}
}

// read gives what was answered with a success.
func read[T any](value T, _ *http.Response, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// status gives the status, also of a failure.
func status[T any](_ T, response *http.Response, err error) int {
	if response == nil {
		panic(err)
	}
	return response.StatusCode
}

func connect(address string) *events.APIClient {
	configuration := events.NewConfiguration()
	configuration.Servers = events.ServerConfigurations{{URL: address}}
	return events.NewAPIClient(configuration)
}

func withKey(key string) context.Context {
	return context.WithValue(context.Background(), events.ContextAccessToken, key)
}

var ids = 0

func event(amount float64, at time.Time) events.ActivityEvent {
	ids++
	event := events.NewActivityEvent(fmt.Sprintf("019ab10e-3a80-7c5d-9f6a-%012d", ids), "ada", events.EventType("purchase"), at)
	event.Properties = &events.EventProperties{Amount: &amount}
	return *event
}

func main() {
	service, stub := connect(os.Getenv("BASE_URL")), connect(os.Getenv("STUB_URL"))
	writer, reader := withKey("writer"), withKey("reader")
	send := func(batch ...events.ActivityEvent) events.ApiSendEventsRequest {
		return service.EventsAPI.SendEvents(writer).ActivityEvent(batch)
	}
	first, second := event(1234567.89, time.Now()), event(0.1, time.Now())
	bad := event(1, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))

	mixed := read(send(first, second, bad).Execute())
	equal(mixed.Accepted, int64(2))
	equal(mixed.Errors[0].Code, "timestamp_in_future")
	equal(read(send(first).Execute()).Duplicates, int64(1))
	equal(status(send(bad).Execute()), 422)

	equal(read(service.AnalyticsAPI.GetSummary(reader).Execute()).TotalEvents, int64(2))
	equal(read(service.AnalyticsAPI.ListUserCounts(reader).Execute()).Users[0].UserId, "ada")
	sum := int64(0)
	for _, step := range read(service.AnalyticsAPI.GetTimeSeries(reader).Execute()).Series {
		sum += step.TotalEvents
	}
	equal(sum, int64(2))

	amounts, after := []float64{}, "earliest"
	for more := true; more; {
		page := read(service.EventsAPI.ListEvents(reader).After(after).Limit(1).Execute())
		for _, found := range page.Events {
			amounts = append(amounts, *found.Properties.Amount)
		}
		after, more = page.Cursor, page.HasMore
	}
	equal(amounts, []float64{1234567.89, 0.1})
	equal(status(service.EventsAPI.ListEvents(reader).After("nonsense").Execute()), 400)
	equal(status(service.AnalyticsAPI.GetSummary(context.Background()).Execute()), 401)
	equal(status(service.AnalyticsAPI.GetSummary(withKey("other")).Execute()), 401)
	equal(status(service.EventsAPI.SendEvents(reader).ActivityEvent([]events.ActivityEvent{first}).Execute()), 403)

	newer := read(stub.EventsAPI.SendEvents(writer).ActivityEvent([]events.ActivityEvent{first}).Execute())
	equal(newer.Errors[0].Code, "a_code_of_tomorrow")
	equal(read(stub.OperationsAPI.GetHealth(reader).Execute()).Store.LogBytes, int64(3_000_000_000))
}
