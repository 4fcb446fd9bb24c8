//! A translation service with two budgets, as a tower stack: `cargo run -p robust-limiter --example tower_service`
//!
//! The service takes 2,000 characters in any 5 s and 4 requests in any 2 s. It answers how many
//! characters it really billed, and a page that somebody waits for goes before a batch.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use robust_limiter::{Charge, Class, ClassCell, Cost, Demand, Limiter, Rejected, Verdict, Window};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt};

const CHARACTERS: usize = 0;
const REQUESTS: usize = 1;

/// A text to translate.
struct Translate {
    name: String,
    characters: u32,
    class: Class,
    deadline: Option<Instant>,
}

impl Demand for Translate {
    fn cost(&self) -> Cost {
        [
            Charge::new(CHARACTERS, self.characters),
            Charge::new(REQUESTS, 1),
        ]
        .into_iter()
        .collect()
    }

    fn class(&self) -> ClassCell {
        self.class.into()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// What was billed.
struct Billed(u32);

#[derive(Debug, thiserror::Error)]
enum TranslateError {
    #[error("not now")]
    NotNow(#[from] Rejected),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let limiter = Limiter::builder("translator")
        .window(Window::sliding("characters", 2_000, Duration::from_secs(5)).guard(Duration::ZERO))
        .window(Window::sliding("requests", 4, Duration::from_secs(2)).guard(Duration::ZERO))
        .build();
    let admission =
        limiter
            .layer()
            .feedback(|result: Result<&Billed, &TranslateError>| match result {
                Ok(Billed(characters)) => Verdict::sent().actual(
                    [
                        Charge::new(CHARACTERS, *characters),
                        Charge::new(REQUESTS, 1),
                    ]
                    .into_iter()
                    .collect(),
                ),
                Err(_) => Verdict::not_sent(),
            });
    let start = Instant::now();
    let service =
        ServiceBuilder::new()
            .layer(admission)
            .service_fn(move |text: Translate| async move {
                println!(
                    "{:>5.2} s  {:<12} {:?}",
                    start.elapsed().as_secs_f64(),
                    text.name,
                    text.class
                );
                // Repeated passages are free.
                Ok::<_, TranslateError>(Billed(text.characters * 9 / 10))
            });

    let mut calls = tokio::task::JoinSet::new();
    for number in 1..=6 {
        let chapter = Translate {
            name: format!("chapter {number}"),
            characters: 500,
            class: Class::Low,
            deadline: None,
        };
        calls.spawn(service.clone().oneshot(chapter));
    }
    let page = Translate {
        name: "page".into(),
        characters: 100,
        class: Class::High,
        deadline: None,
    };
    tokio::task::yield_now().await;
    calls.spawn(service.clone().oneshot(page));
    tokio::task::yield_now().await;

    // Whoever cannot be served in time hears it at once, and when to come back.
    let impatient = Translate {
        name: "impatient".into(),
        characters: 2_000,
        class: Class::Low,
        deadline: Some(start + Duration::from_secs(1)),
    };
    let mut service = service;
    if let Err(TranslateError::NotNow(rejected)) = service.call(impatient).await {
        println!(
            "{:>5.2} s  impatient    refused: {rejected}",
            start.elapsed().as_secs_f64()
        );
    }
    while calls.join_next().await.is_some() {}
    let seen = limiter.snapshot();
    println!(
        "granted {}, rejected {}, in use {:?}",
        seen.granted,
        seen.rejected,
        seen.windows.iter().map(|w| w.used).collect::<Vec<_>>()
    );
}
