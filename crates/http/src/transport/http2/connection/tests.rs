use super::*;
use crate::descriptors;

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_it_has_idled() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move {
        let mut server = h2::server::handshake(far).await.unwrap();
        while let Some(Ok((_, mut respond))) = server.accept().await {
            respond.send_response(http::Response::new(()), true).unwrap();
        }
    });
    let begun = Instant::now();
    let connection = Connection::begin(Box::new(near), descriptors::idle()).await.unwrap();
    tokio::time::sleep(IDLE_TIMEOUT / 2).await;
    let mut sender = connection.sender().unwrap().ready().await.unwrap();
    let (response, _) = sender.send_request(http::Request::get("http://a/").body(()).unwrap(), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    drop(sender);
    assert!(connection.takes_requests());
    server.await.unwrap();
    assert!(begun.elapsed() >= IDLE_TIMEOUT && begun.elapsed() < 2 * IDLE_TIMEOUT);
    assert!(!connection.takes_requests());
}
