//! Links to servers that do not read, say nothing, drip, or never stop.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::Role;

#[test]
fn an_address_is_read_or_refused_with_words() {
    let target = Target::parse("ws://127.0.0.1:8080/ws").expect("an address");
    assert_eq!(target.to_string(), "ws://127.0.0.1:8080/ws");
    assert_eq!(Target::parse("ws://example").expect("an address").to_string(), "ws://example:80/ws");
    for wrong in ["http://127.0.0.1:8080/ws", "wss://example/ws", "127.0.0.1:8080", ""] {
        assert!(Target::parse(wrong).expect_err(wrong).to_string().contains("ws://HOST:PORT/ws"));
    }
}

/// A server at the other end of a pipe in memory, that a test lets say and hear what it likes.
#[derive(Debug)]
pub(crate) struct PipeServer(WebSocketStream<DuplexStream>);

impl PipeServer {
    /// A link to it, whose pipe takes so many bytes.
    pub(crate) async fn with_link(kernel_bytes: usize) -> (Link<DuplexStream>, Self) {
        let (link, theirs) = link(kernel_bytes).await;
        (link, Self(WebSocketStream::from_raw_socket(theirs, Role::Server, None).await))
    }

    /// Says something. Whether anybody is still there.
    pub(crate) async fn say(&mut self, message: Vec<u8>) -> bool {
        self.0.send(Message::Binary(message.into())).await.is_ok()
    }

    /// Asks whether the link is there. Whether anybody is.
    pub(crate) async fn ping(&mut self) -> bool {
        self.0.send(Message::Ping(Bytes::new())).await.is_ok()
    }

    /// What is said next; none at the end.
    pub(crate) async fn hear(&mut self) -> Option<Bytes> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(message))) => return Some(message),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// A link, and the server's end of its socket, below the WebSocket layer. The kernel between them takes so many bytes.
async fn link(kernel_bytes: usize) -> (Link<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(kernel_bytes);
    (Link::over(WebSocketStream::from_raw_socket(ours, Role::Client, Some(config())).await), theirs)
}

const PING: [u8; 2] = [0x89, 0];

fn is_end(received: &LinkEvent) -> bool {
    matches!(received, LinkEvent::Closed(None))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_pings_and_never_reads_does_not_block_a_send_for_ever() {
    let (mut link, mut server) = link(1024).await;
    let began = Instant::now();
    let sent = loop {
        server.write_all(&PING).await.expect("somebody listens");
        // The bot hears what comes between two sends, which makes the layer answer the ping.
        let _ = tokio::time::timeout(Duration::from_millis(10), link.receive()).await;
        if let Err(error) = link.send([vec![7; 100]]).await {
            break error;
        }
    };
    assert!(sent.to_string().contains("does not read"), "{sent}");
    assert!(began.elapsed() <= SEND_DEADLINE + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_given_up_and_tried_again_is_not_given_new_time() {
    let (mut link, _server) = link(1024).await;
    let began = Instant::now();
    loop {
        let sent = tokio::time::timeout(Duration::from_millis(100), link.send([vec![7; 100]])).await;
        if matches!(sent, Ok(Err(_))) {
            break;
        }
        assert!(began.elapsed() <= SEND_DEADLINE + Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_left() {
    let (mut link, _server) = link(1024).await;
    let began = Instant::now();
    assert!(is_end(&link.receive().await));
    assert!(began.elapsed() <= SILENCE_MAX + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_drips_in_for_ever_is_not_waited_for() {
    let (mut link, mut server) = link(1024).await;
    let drip = tokio::spawn(async move {
        // The header of a message of 50,000 bytes, and then one every second.
        server.write_all(&[0x82, 126, 0xc3, 0x50]).await.expect("somebody listens");
        while server.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let began = Instant::now();
    assert!(is_end(&link.receive().await));
    assert!(began.elapsed() <= SILENCE_MAX + Duration::from_secs(1));
    drop(link);
    drip.await.expect("it noticed");
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_any_frame_ends_the_link_before_it_is_there() {
    let (mut link, mut server) = link(1024).await;
    let mut header = vec![0x82, 127];
    header.extend((1_u64 << 40).to_be_bytes());
    server.write_all(&header).await.expect("somebody listens");
    assert!(is_end(&link.receive().await));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_ends_the_link_and_ordinary_pings_do_not() {
    let (mut link, mut server) = link(64 * 1024).await;
    let flood = tokio::spawn(async move {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            server.write_all(&PING).await.expect("somebody listens");
        }
        server.write_all(&[0x82, 1, 7]).await.expect("somebody listens");
        while server.write_all(&PING).await.is_ok() {}
    });
    assert!(matches!(link.receive().await, LinkEvent::Message(message) if message[..] == [7]));
    assert!(is_end(&link.receive().await));
    drop(link);
    flood.await.expect("it noticed");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_neither_reads_nor_stops_talking_is_closed_all_the_same() {
    let (mut link, mut server) = link(1024).await;
    let talk = tokio::spawn(async move { while server.write_all(&[0x82, 1, 7]).await.is_ok() {} });
    let began = Instant::now();
    let _ = tokio::time::timeout(Duration::from_secs(1), link.send((0..100).map(|_| vec![7; 1000]))).await;
    link.close().await;
    assert!(began.elapsed() <= Duration::from_secs(1) + CLOSE_DEADLINE + Duration::from_secs(1));
    drop(link);
    talk.await.expect("it noticed");
}

/// A server on a real port that answers whoever comes with `words` again and again, a byte a second.
async fn dripping(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for byte in words.iter().cycle() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    });
    address.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_in_is_not_waited_for() {
    let authority = dripping(b"HTTP/1.1 101 Switching Protocols\r\nX: ").await;
    let target = Target::parse(&format!("ws://{authority}/ws")).expect("an address");
    let began = Instant::now();
    let error = Link::connect(&target, None).await.expect_err("it never ends");
    assert!(matches!(error, LinkError::Network(_)), "{error}");
    assert!(began.elapsed() <= CONNECT_DEADLINE + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_health_page_that_drips_in_is_not_waited_for() {
    for words in [&b"HTTP/1.1 200 OK\r\nX: "[..], b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let authority = dripping(words).await;
        let began = Instant::now();
        let error = fetch(&authority, "/readyz").await.expect_err("it never ends");
        assert!(matches!(error, LinkError::Network(_)), "{error}");
        assert!(began.elapsed() <= FETCH_DEADLINE + Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_health_page_without_end_is_not_taken_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let authority = listener.local_addr().expect("it is bound").to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.expect("a request") > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.expect("it listens");
        let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
        let mut sent = 0;
        while stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    assert!(fetch(&authority, "/data").await.is_err());
    assert!(server.await.expect("it noticed") < 16 * DATA_BYTES_MAX, "it was told to stop");
}
