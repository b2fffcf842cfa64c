//! The peer in Rust: a batch of events is parsed by sonic-rs into typed events, deduplicated by a set of ids, and counted by minute, type and
//! user in maps. One thread, nothing kept of an event beside that, no window ever ends.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    env,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use chrono::DateTime;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventType {
    PageView,
    Click,
    Purchase,
    Signup,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    event_id: &'a str,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    event_type: EventType,
    timestamp: &'a str,
    #[serde(borrow)]
    properties: Option<Properties<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Properties<'a> {
    #[serde(borrow)]
    page: Option<Cow<'a, str>>,
    amount: Option<f64>,
    #[serde(borrow)]
    product_id: Option<Cow<'a, str>>,
}

#[derive(Default)]
struct User {
    events: u64,
    last_seen: i64,
}

#[derive(Default)]
struct Store {
    ids: HashSet<u128>,
    minutes: HashMap<i64, [u64; 4]>,
    users: HashMap<String, User>,
}

impl Store {
    /// Counts an event whose id is new; says whether it was, or `None` where a field is not valid.
    fn add(&mut self, event: &Event) -> Option<bool> {
        let id = Uuid::try_parse(event.event_id).ok()?;
        let time = DateTime::parse_from_rfc3339(event.timestamp).ok()?.timestamp_millis();
        let length = event.user_id.chars().count();
        let amount = event.properties.as_ref().and_then(|properties| properties.amount).unwrap_or(0.0);
        if event.event_id.len() != 36 || length == 0 || length > 256 || event.user_id.chars().any(char::is_control) || amount < 0.0 {
            return None;
        }
        if !self.ids.insert(id.as_u128()) {
            return Some(false);
        }
        self.minutes.entry(time / 60_000).or_default()[event.event_type as usize] += 1;
        match self.users.get_mut(event.user_id.as_ref()) {
            Some(user) => {
                user.events += 1;
                user.last_seen = user.last_seen.max(time);
            }
            None => {
                self.users.insert(event.user_id.to_string(), User { events: 1, last_seen: time });
            }
        }
        Some(true)
    }
}

async fn take(State(store): State<Arc<Mutex<Store>>>, body: Bytes) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let Ok(events) = sonic_rs::from_slice::<Vec<Event>>(&body) else {
        return (StatusCode::BAD_REQUEST, headers, String::from("{}"));
    };
    let (mut accepted, mut duplicates, mut rejected) = (0, 0, 0);
    let mut store = store.lock().unwrap();
    for event in &events {
        match store.add(event) {
            Some(true) => accepted += 1,
            Some(false) => duplicates += 1,
            None => rejected += 1,
        }
    }
    let receipt = format!(
        r#"{{"accepted":{accepted},"duplicates":{duplicates},"rejected":{rejected},"unavailable":0,"late":0,"cursor":"0123456789ab.1234","errors":[]}}"#
    );
    (StatusCode::OK, headers, receipt)
}

fn main() {
    let port = env::var("PORT").expect("PORT is not set");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let app = Router::new()
            .route("/events", post(take))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(Arc::default());
        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
