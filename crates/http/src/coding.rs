//! A body as the wire has it, or unpacked.
//!
//! What came without a coding goes on as it is: no decoder is made for it, and nothing stands between.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tower::service_fn;
use tower_http::decompression::{Decompression, DecompressionBody};
use tower_service::Service;

use crate::body::WireBody;
use crate::error::{Error, Kind};
use crate::head;

/// The body of an answer after its coding.
pub(crate) enum Coded {
    Plain(WireBody),
    /// Large and not the rule: boxed, so that the others are moved about at little cost.
    Gzip(Box<DecompressionBody<WireBody>>),
}

impl Coded {
    /// Takes the coding off that was asked for; the headers that described it go too.
    pub(crate) async fn of(response: Response<WireBody>) -> Result<(Parts, Self), Error> {
        if !head::is_gzip(response.headers()) {
            let (head, body) = response.into_parts();
            return Ok((head, Self::Plain(body)));
        }
        // tower-http makes a decoder for the answers of a service only
        let mut answer = Some(response);
        let mut decoding = Decompression::new(service_fn(move |_: Request<()>| {
            let answer = answer.take();
            ready(answer.ok_or_else(|| Error::new(Kind::Decompression, true)))
        }))
        .no_deflate()
        .no_br()
        .no_zstd();
        let (head, body) = decoding.call(Request::new(())).await?.into_parts();
        Ok((head, Self::Gzip(Box::new(body))))
    }

    /// What it comes from.
    pub(crate) fn wire(&self) -> &WireBody {
        match self {
            Self::Plain(body) => body,
            Self::Gzip(body) => body.get_ref(),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Gzip(body) => Pin::new(&mut **body).poll_frame(cx).map_err(|error| {
                error.downcast::<Error>().map_or_else(
                    // the decoder's own texts say nothing that the kind does not
                    |_| Error::new(Kind::Decompression, true),
                    |own| *own,
                )
            }),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Gzip(body) => body.is_end_stream(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Gzip(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
        })
    }
}
