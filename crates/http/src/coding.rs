//! A body as the wire has it, or unpacked.
//!
//! What came without a coding goes on as it is: no decoder is made for it, and nothing stands between.

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::GzipDecoder;
use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::body::WireBody;
use crate::error::{Error, Kind};
use crate::head;

/// As much as is decompressed at a time, and so what may be held beyond the cap of a body.
const PIECE: usize = 16 << 10;

/// A rest of a piece that is not worth another turn of the decoder.
const SCRAP: usize = 4 << 10;

/// The body of an answer after its coding.
pub(crate) enum Coded {
    Plain(WireBody),
    /// Large and not the rule: boxed, so that the others are moved about at little cost.
    Gzip(Box<Gunzip>),
}

impl Coded {
    /// Takes the coding off that was asked for; the headers that described it go too.
    pub(crate) fn of(response: Response<WireBody>) -> (Parts, Self) {
        let (mut head, body) = response.into_parts();
        if !head::is_gzip(&head.headers) {
            return (head, Self::Plain(body));
        }
        head.headers.remove(CONTENT_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
        (head, Self::Gzip(Box::new(Gunzip::new(body))))
    }

    /// What it comes from.
    pub(crate) fn wire(&self) -> &WireBody {
        match self {
            Self::Plain(body) => body,
            Self::Gzip(gunzip) => &gunzip.decoder.get_ref().body,
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Gzip(gunzip) => gunzip.poll_frame(cx),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            // what has been read may still have to be decompressed
            Self::Gzip(_) => false,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Gzip(_) => SizeHint::default(),
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

/// All members of a gzip body (RFC 1952 §2.2: a file is a series of them), and nothing after the last one.
pub(crate) struct Gunzip {
    decoder: GzipDecoder<Bytewise>,
    /// Initialised, and not handed out yet.
    room: BytesMut,
}

impl Gunzip {
    fn new(body: WireBody) -> Self {
        let mut decoder = GzipDecoder::new(Bytewise {
            body,
            piece: Bytes::new(),
            begun: false,
            failure: None,
            trailers: None,
        });
        decoder.multiple_members(true);
        Self {
            decoder,
            room: BytesMut::new(),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.room.len() < SCRAP {
            self.room = BytesMut::zeroed(PIECE);
        }
        let mut room = ReadBuf::new(&mut self.room);
        let result = ready!(Pin::new(&mut self.decoder).poll_read(cx, &mut room));
        let length = room.filled().len();
        let wire = self.decoder.get_mut();
        Poll::Ready(match result {
            Ok(()) if length > 0 => Some(Ok(Frame::data(self.room.split_to(length).freeze()))),
            Ok(()) => wire.trailers.take().map(|it| Ok(Frame::trailers(it))),
            Err(_) => match wire.failure.take() {
                Some(failure) => Some(Err(failure)),
                // an answer to HEAD, or one without content, has no gzip stream either
                None if !wire.begun => None,
                // the decoder's own texts say nothing that the kind does not
                None => Some(Err(Error::new(Kind::Decompression, true))),
            },
        })
    }
}

/// A body as the decoder reads it.
struct Bytewise {
    body: WireBody,
    piece: Bytes,
    /// There was a byte.
    begun: bool,
    /// Why reading ended: not a matter of the decoder.
    failure: Option<Error>,
    trailers: Option<HeaderMap>,
}

impl AsyncBufRead for Bytewise {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.piece.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.piece = data,
                    Err(frame) => this.trailers = frame.into_trailers().ok(),
                },
                Some(Err(failure)) => {
                    this.failure = Some(failure);
                    return Poll::Ready(Err(io::ErrorKind::Other.into()));
                }
                None => break,
            }
            this.begun |= !this.piece.is_empty();
        }
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        match amount >= this.piece.len() {
            true => drop(mem::take(&mut this.piece)),
            false => this.piece.advance(amount),
        }
    }
}

impl AsyncRead for Bytewise {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = ready!(self.as_mut().poll_fill_buf(cx))?;
        let part = piece.get(..buf.remaining()).unwrap_or(piece);
        buf.put_slice(part);
        let amount = part.len();
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}
