//! Servers that speak as much of a protocol as a client wants to hear before it calls itself connected.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use trustbridge_cases::make::Node;

use crate::{der, key};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// DNS over TLS.
    Dns,
    Http,
    MongoDb,
    Mqtt,
    Nats,
    Postgres,
    Quic,
    Redis,
    /// Reads until the client goes.
    Silent,
    Smtp,
    WebSocket,
}

pub struct Server {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(protocol: Protocol, identity: &Node) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der(identity)], key(identity))
            .unwrap();
        if protocol == Protocol::Quic {
            return Self::quic(config);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(protocol, tcp, acceptor.clone()));
            }
        });
        Self { address, task }
    }

    fn quic(config: ServerConfig) -> Self {
        let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(config).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint =
            quinn::Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = endpoint.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.await {
                        connection.closed().await;
                    }
                });
            }
        });
        Self { address, task }
    }
}

/// One connection. Where it fails, the client has gone, and knows why.
async fn serve(protocol: Protocol, mut tcp: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
    match protocol {
        Protocol::Nats => tcp.write_all(b"INFO {\"tls_required\":true}\r\n").await?,
        // The client requests TLS in eight bytes.
        Protocol::Postgres => {
            tcp.read_exact(&mut [0; 8]).await?;
            tcp.write_all(b"S").await?;
        }
        _ => {}
    }
    let mut tls = acceptor.accept(tcp).await?;
    match protocol {
        Protocol::WebSocket => {
            tokio_tungstenite::accept_async(tls).await.ok();
            Ok(())
        }
        Protocol::Http => {
            answer(&mut tls, |_| {
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
            })
            .await?;
            tls.shutdown().await
        }
        _ => converse(protocol, &mut tls).await,
    }
}

async fn converse(
    protocol: Protocol,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    if protocol == Protocol::Smtp {
        stream.write_all(b"220 localhost\r\n").await?;
    }
    loop {
        answer(stream, |request| match protocol {
            Protocol::Dns => address_record(request),
            Protocol::MongoDb => reply(request),
            // CONNACK: accepted.
            Protocol::Mqtt if request.starts_with(&[0x10]) => vec![0x20, 2, 0, 0],
            Protocol::Nats if request.ends_with(b"PING\r\n") => b"PONG\r\n".to_vec(),
            // AuthenticationOk and ReadyForQuery, after the start-up message of version 3.
            Protocol::Postgres if request.get(4..6) == Some(&[0, 3]) => {
                b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I".to_vec()
            }
            // One for each array, which is a command.
            Protocol::Redis => {
                b"+OK\r\n".repeat(request.iter().filter(|byte| **byte == b'*').count())
            }
            Protocol::Smtp => b"250 OK\r\n".to_vec(),
            _ => Vec::new(),
        })
        .await?;
    }
}

/// Answers what was read at once. An error at the end.
async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    answer: impl Fn(&[u8]) -> Vec<u8>,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.write_all(&answer(&buffer[..count])).await?;
    stream.flush().await
}

/// A primary's answer to a command of MongoDB.
fn reply(request: &[u8]) -> Vec<u8> {
    use mongodb::bson::{doc, to_vec};
    const LEGACY_QUERY: &[u8] = &2004_i32.to_le_bytes();
    let Some((id, operation)) = request.get(4..8).zip(request.get(12..16)) else {
        return Vec::new();
    };
    let document = doc! {
        "ok": 1,
        "isWritablePrimary": true,
        "ismaster": true,
        "minWireVersion": 0,
        "maxWireVersion": 21,
        "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
    };
    // OP_REPLY with its flags, cursor, start and count, or OP_MSG with its flags and kind of section.
    let (answered, start): (i32, &[u8]) = if operation == LEGACY_QUERY {
        (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    } else {
        (2013, &[0; 5])
    };
    let rest = [start, &to_vec(&document).unwrap()].concat();
    let length = i32::try_from(16 + rest.len()).unwrap();
    [&length.to_le_bytes(), &[0; 4], id, &answered.to_le_bytes(), &*rest].concat()
}

/// The answer to a DNS query over a stream: its only name is at 127.0.0.1.
fn address_record(query: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    // Both begin after the length in two bytes. The question: labels up to an empty one, type, class.
    let Some(message) = query.get(2..) else { return Vec::new() };
    let Some(labels) =
        message.get(HEADER..).and_then(|rest| rest.iter().position(|byte| *byte == 0))
    else {
        return Vec::new();
    };
    let question = &message[HEADER..HEADER + labels + 5];
    let mut answer = message[..2].to_vec();
    // A response without errors: one question, one answer.
    answer.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(question);
    // The name of the question, A, IN, for a minute.
    answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
    [&length, &*answer].concat()
}
