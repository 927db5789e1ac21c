//! The files of the page: of a folder on the disk, if there is one, then the game's, then those of the stock page. The last
//! two are in the program.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use fracas_protocol::game::page::PageFile;
use memory_serve::{Asset, CacheControl, MemoryServe};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::fs;
use tokio::io::AsyncReadExt;
use tower_service::Service;

/// The file for `/`.
const INDEX: &str = "index.html";
/// Bytes of the largest file that is read from a folder.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A smaller file is not compressed.
const COMPRESSED_LEAST: usize = 128;
/// How hard a game's files are compressed, of 11. On 290 KB of a page 10 takes 0.28 s; 11 takes 0.58 s and saves 3 %. 9 takes
/// 0.12 s, and makes them 7 % larger.
const BROTLI_QUALITY: u32 = 10;
/// Brotli's window, as a power of two.
const BROTLI_WINDOW: u32 = 22;

/// The files of the page in the program: a game's, and the stock page's.
#[derive(Clone, Debug)]
pub struct Page {
    game: &'static [PageFile],
    /// The routes with the game's files compressed, once that is done.
    compressed: Arc<OnceLock<Router>>,
}

impl Page {
    /// With a game's files. The build has compressed those of the stock page.
    pub fn new(game: &'static [PageFile]) -> Self {
        Self { game, compressed: Arc::default() }
    }

    /// Whether [`Self::compress`] is of use: not without files of a game, and not in a build that is for trying things out.
    pub fn is_worth_compressing(&self) -> bool {
        !self.game.is_empty() && !cfg!(debug_assertions)
    }

    /// Compresses the game's files. It takes a while, so it is for a thread of its own. Until then they go out as they are.
    pub fn compress(&self) {
        self.compressed.get_or_init(|| routes(self.game, compressed));
    }

    /// The page's routes. `folder` is where files are looked for first.
    ///
    /// # Errors
    /// If the folder is none.
    pub(super) fn router(&self, folder: Option<&Path>) -> io::Result<Router> {
        let (plain, ready) = (routes(self.game, plain), Arc::clone(&self.compressed));
        let choose = move |request: Request| {
            let mut router: Router = ready.get().unwrap_or(&plain).clone();
            async move { Service::call(&mut router, request).await }
        };
        let page = Router::new().fallback(choose);
        let Some(folder) = folder else { return Ok(page) };
        // Its real path, which everything in it begins with.
        let folder: Arc<Path> = folder.canonicalize()?.into();
        Ok(page.layer(from_fn_with_state(folder, look_in_folder)))
    }
}

/// The routes of the game's files, and of those of the stock page that the game does not replace. They stay in memory until
/// the process ends.
fn routes(game: &'static [PageFile], asset: fn(&PageFile) -> Asset) -> Router {
    let is_games = |asset: &Asset| game.iter().any(|file| asset.route.strip_prefix('/') == Some(file.path));
    let stock = stock().iter().filter(|asset| !is_games(asset)).map(copy);
    let assets: Vec<_> = game.iter().map(asset).chain(stock).collect();
    MemoryServe::new(assets.leak())
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::NoCache)
        .into_router()
}

/// The files of the stock page, put into the program by the build script.
#[expect(unused_qualifications, reason = "the build script writes them so")]
fn stock() -> &'static [Asset] {
    const FILES: &[(&str, &[Asset])] = include!(concat!(env!("OUT_DIR"), "/memory_serve_assets.rs"));
    FILES.first().map_or(&[], |(_, files)| files)
}

fn copy(asset: &Asset) -> Asset {
    let Asset { route, path, etag, content_type, bytes, is_compressed, should_compress } = *asset;
    Asset { route, path, etag, content_type, bytes, is_compressed, should_compress }
}

/// A game's file as it is.
fn plain(file: &PageFile) -> Asset {
    let etag: String = Sha256::digest(file.content).iter().map(|byte| format!("{byte:02x}")).collect();
    Asset {
        route: format!("/{}", file.path).leak(),
        path: file.path,
        etag: etag.leak(),
        content_type: content_type(file.path),
        bytes: Some(file.content),
        is_compressed: false,
        should_compress: false,
    }
}

/// A game's file, compressed if that is of use.
fn compressed(file: &PageFile) -> Asset {
    let asset = plain(file);
    if file.content.len() < COMPRESSED_LEAST || !is_compressible(asset.content_type) {
        return asset;
    }
    Asset { bytes: Some(compress(file.content).leak()), is_compressed: true, should_compress: true, ..asset }
}

fn compress(content: &[u8]) -> Vec<u8> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, BROTLI_WINDOW);
    match writer.write_all(content) {
        Ok(()) => writer.into_inner(),
        Err(error) => unreachable!("a vector takes all that is written: {error}"),
    }
}

fn content_type(path: &str) -> &'static str {
    mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream")
}

fn is_compressible(content_type: &str) -> bool {
    let others = ["application/json", "application/javascript", "application/wasm", "application/xml", "image/svg+xml"];
    content_type.starts_with("text/") || others.contains(&content_type)
}

/// Answers with a file of the folder as it is now, or with the program's.
async fn look_in_folder(State(folder): State<Arc<Path>>, request: Request, next: Next) -> Response<Body> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return next.run(request).await;
    }
    let Some(path) = path_in(&folder, request.uri().path()) else { return next.run(request).await };
    let content_type = content_type(&path.to_string_lossy());
    let content = match read_within(&folder, &path).await {
        Ok(None) => return next.run(request).await,
        Ok(Some(content)) => Ok(content),
        Err(why) => Err(format!("{}: {why}\n", request.uri().path())),
    };
    let (status, content_type, body) = match content {
        Ok(content) => (StatusCode::OK, content_type, Body::from(content)),
        Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", Body::from(why)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where a request's path is in the folder. None if it cannot be in there: every part must be a plain name, which does
/// not begin with a dot.
fn path_in(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix('/')?;
    let path = if path.is_empty() { INDEX } else { path };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain);
    path.split('/').all(is_name).then(|| folder.join(path))
}

/// Reads a file of the folder. None if there is no such file in it: a link may not lead out of it.
async fn read_within(folder: &Path, path: &Path) -> Result<Option<Vec<u8>>, String> {
    let Some(real) = fs::canonicalize(path).await.ok().filter(|real| real.starts_with(folder)) else { return Ok(None) };
    if !fs::metadata(&real).await.is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let mut content = Vec::new();
    let read = async { fs::File::open(real).await?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).await };
    read.await.map_err(|error| format!("cannot read it: {error}"))?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {} MiB", FILE_BYTES_MAX / (1024 * 1024)));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::http::HeaderMap;
    use std::fs::File;
    use std::io::Read;

    fn router(game: &'static [PageFile], folder: Option<&Path>) -> io::Result<Router> {
        Page::new(game).router(folder)
    }

    const GAME: &[PageFile] = &[
        PageFile { path: "index.html", content: b"<title>the game's</title>" },
        PageFile { path: "maps/one.json", content: b"{}" },
        PageFile { path: "core.wasm", content: b"\0asm" },
    ];

    fn ask(
        router: &Router,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> (u16, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let Ok(response) = Service::call(&mut router.clone(), request).await;
            let (head, body) = response.into_parts();
            let body = to_bytes(body, 1 << 25).await.expect("a body");
            (head.status.as_u16(), head.headers, String::from_utf8_lossy(&body).into_owned())
        })
    }

    fn get(router: &Router, path: &str) -> (u16, String) {
        let (status, _, body) = ask(router, Method::GET, path, &[]);
        (status, body)
    }

    fn kind(router: &Router, path: &str) -> String {
        ask(router, Method::GET, path, &[]).1[header::CONTENT_TYPE].to_str().expect("text").to_owned()
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
            std::fs::write(path, text).expect("writes");
        }
        folder
    }

    #[test]
    fn the_games_files_come_before_the_stock_pages_of_the_same_path() {
        let stock = router(&[], None).expect("a page");
        assert_eq!(get(&stock, "/").0, 200);
        assert!(!get(&stock, "/index.html").1.contains("the game's"));
        assert_eq!(get(&stock, "/maps/one.json").0, 404);
        let page = router(GAME, None).expect("a page");
        for path in ["/", "/index.html"] {
            assert_eq!(get(&page, path), (200, "<title>the game's</title>".into()), "{path}");
        }
        assert_eq!(get(&page, "/maps/one.json"), (200, "{}".into()));
        assert_eq!(get(&page, "/style.css"), get(&stock, "/style.css"), "the stock page's is there too");
        assert_eq!(
            ["/", "/maps/one.json", "/core.wasm", "/style.css"].map(|path| kind(&page, path)),
            ["text/html", "application/json", "application/wasm", "text/css"]
        );
    }

    #[test]
    fn a_games_file_is_asked_for_again_by_its_etag_and_its_head_has_no_body() {
        let page = router(GAME, None).expect("a page");
        let (_, headers, _) = ask(&page, Method::GET, "/core.wasm", &[]);
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        let etag = headers[header::ETAG].to_str().expect("text");
        assert_eq!(ask(&page, Method::GET, "/core.wasm", &[(header::IF_NONE_MATCH, etag)]).0, 304);
        assert_eq!(ask(&page, Method::GET, "/core.wasm", &[(header::IF_NONE_MATCH, "\"old\"")]).0, 200);
        let (status, headers, body) = ask(&page, Method::HEAD, "/core.wasm", &[]);
        assert_eq!((status, &headers[header::CONTENT_LENGTH], body.len()), (200, &HeaderValue::from_static("4"), 0));
    }

    #[test]
    fn once_they_are_compressed_the_games_files_are_served_from_there() {
        let page = Page::new(GAME);
        let router = page.router(None).expect("a page");
        let before = get(&router, "/index.html");
        page.compressed.set(Router::new().fallback(|| async { "compressed" })).expect("only once");
        assert_eq!((before.0, get(&router, "/index.html").1), (200, "compressed".into()));
    }

    #[test]
    fn a_compressed_file_is_the_same_and_smaller() {
        let text = "what is said again and again ".repeat(100);
        let compressed = compress(text.as_bytes());
        let mut whole = Vec::new();
        brotli::Decompressor::new(&compressed[..], 4096).read_to_end(&mut whole).expect("it is whole");
        assert!(whole == text.as_bytes() && compressed.len() < text.len() / 10, "{}", compressed.len());
    }

    #[test]
    fn a_folders_files_come_first_and_are_what_they_are_now() {
        let folder = folder(&[("index.html", "mine"), ("only/here.js", "1"), ("style.css", "a {}")]);
        let page = router(GAME, Some(folder.path())).expect("a page");
        assert_eq!((get(&page, "/"), get(&page, "/index.html").1), ((200, "mine".into()), "mine".into()));
        std::fs::write(folder.path().join("index.html"), "changed").expect("writes");
        assert_eq!(get(&page, "/").1, "changed");
        assert_eq!(get(&page, "/maps/one.json").1, "{}", "the game's, since the folder has none");
        let (status, headers, body) = ask(&page, Method::GET, "/only/here.js", &[]);
        assert_eq!(
            (status, body.as_str(), &headers[header::CACHE_CONTROL]),
            (200, "1", &"no-store".parse().expect("a value"))
        );
        assert_eq!(["/only/here.js", "/style.css"].map(|path| kind(&page, path)), ["text/javascript", "text/css"]);
        assert_eq!(get(&page, "/nowhere.js").0, 404);
        assert_eq!(ask(&page, Method::POST, "/only/here.js", &[]).0, 404, "it is not written to");
    }

    #[test]
    fn nothing_outside_the_folder_is_served_and_no_hidden_file() {
        let outside = folder(&[("secret.txt", "secret"), ("page/index.html", "mine"), ("page/.env", "secret")]);
        let inside = outside.path().join("page");
        std::os::unix::fs::symlink("../secret.txt", inside.join("link.txt")).expect("a link");
        std::os::unix::fs::symlink("..", inside.join("up")).expect("a link");
        std::os::unix::fs::symlink("index.html", inside.join("alias.html")).expect("a link");
        let page = router(GAME, Some(&inside)).expect("a page");
        for path in [
            "/../secret.txt",
            "/x/../../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "//etc/passwd",
            "/.env",
            "/link.txt",
            "/up/secret.txt",
            "/up",
            "/.",
        ] {
            let (status, body) = get(&page, path);
            assert!(status == 404 && !body.contains("secret"), "{path}: {status} {body}");
        }
        assert_eq!(get(&page, "/alias.html"), (200, "mine".into()), "a link within the folder is followed");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_in_words() {
        let folder = folder(&[("film.bin", "")]);
        let film = File::options().write(true).open(folder.path().join("film.bin")).expect("it is there");
        film.set_len(FILE_BYTES_MAX + 1).expect("it grows");
        let page = router(GAME, Some(folder.path())).expect("a page");
        assert_eq!(get(&page, "/film.bin"), (500, "/film.bin: it is larger than 16 MiB\n".into()));
        film.set_len(FILE_BYTES_MAX).expect("it shrinks");
        assert_eq!(get(&page, "/film.bin").0, 200);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_mistake() {
        assert!(router(GAME, Some(Path::new("/no/such/folder"))).is_err());
    }
}
