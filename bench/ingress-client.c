// Presses "Buy now" with and without TLS, on connections that are kept, new for each press, or left idle, or looks at
// the sale's page on kept ones, for script/bench ingress: stampede has no TLS, openssl's s_time can't press, and wrk
// comes from one address, which nginx would limit.
//
// usage: ingress-client plain|tls|h2 keep|new|idle|look PORT REQUESTS CONNECTIONS SALE NAME TOKEN-HEADER KEY-FILE
//
// Sends REQUESTS presses of distinct buyers NAME-1, NAME-2, … to 127.0.0.1:PORT, CONNECTIONS at a time: one after the
// other on a connection (keep), or each on its own, which is then closed (new) or stays open until the client is killed
// (idle). look gets the sale's page instead, one look after the other on a connection. h2 is HTTP/2 on TLS, one stream
// at a time. Tokens are signed with the bytes of KEY-FILE as they are sent. The report is a line of JSON: `expected`
// counts the presses that were answered "sold out", or the looks that were shown the sale.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    // Connections come from 127.1.0.1 … in rotation, so that limits per address apply and nobody reaches them.
    ADDRESSES = 500,
    ANSWER_MAX = 4096,  // "sold out" through nginx has 700 bytes
    REQUEST_MAX = 2048
};

enum protocol { PLAIN, TLS, H2 };
enum mode { KEEP, NEW, IDLE, LOOK };

struct connection {
    int fd;
    SSL *ssl;  // NULL without TLS
    int is_open;
    long buyer;       // whose request is in flight
    uint32_t stream;  // the last one opened, with HTTP/2
    int has_status, has_words, closes;
    size_t received;
    char answer[ANSWER_MAX + 1];
};

static struct {
    enum protocol protocol;
    enum mode mode;
    int port;
    long requests, connections;
    const char *sale, *name, *token_header;
    unsigned char key[256];
    int key_bytes;
} asked;

static SSL_CTX *tls;
static int epoll;
static long begun, answered, expected, opened, handshakes, resumed;
// What the answers must have: the status as HTTP/1.1 and as HPACK write it, and words in the body.
static const char *status_line = "HTTP/1.1 409 ", *status_field = "409", *words = "/problems/sold-out";

static void stop(const char *what) {
    fprintf(stderr, "ingress-client: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(71);
}

static void give_up(const char *why) {
    errno = 0;
    stop(why);
}

// Appends the bytes in base64url, without padding, and a zero. Returns the address of the zero.
static char *append_base64url(char *out, const unsigned char *bytes, size_t count) {
    char *end = out + EVP_EncodeBlock((unsigned char *)out, bytes, (int)count);
    while (end > out && end[-1] == '=') end--;
    *end = 0;
    for (; *out; out++) *out = *out == '+' ? '-' : *out == '/' ? '_' : *out;
    return end;
}

static void write_token(char *token, size_t room, long buyer) {
    char claims[256];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_bytes;
    long now = (long)time(NULL);
    int bytes = snprintf(
        claims, sizeof claims, "{\"sub\":\"%.100s-%ld\",\"iat\":%ld,\"exp\":%ld}", asked.name, buyer, now, now + 3600);
    int start = snprintf(token, room, "%.200s.", asked.token_header);
    char *end = append_base64url(token + start, (unsigned char *)claims, (size_t)bytes);
    HMAC(EVP_sha256(), asked.key, asked.key_bytes, (unsigned char *)token, (size_t)(end - token), mac, &mac_bytes);
    *end++ = '.';
    append_base64url(end, mac, mac_bytes);
}

// A socket always takes a whole request at once.
static void send_all(struct connection *connection, const char *bytes, size_t count) {
    long sent = connection->ssl ? SSL_write(connection->ssl, bytes, (int)count)
                                : send(connection->fd, bytes, count, MSG_NOSIGNAL);
    if (sent != (long)count) stop("send");
}

// HPACK: a plain string, its length in seven bits and, from 127 on, in further bytes.
static char *append_string(char *out, const char *string) {
    size_t length = strlen(string);
    if (length < 127) {
        *out++ = (char)length;
    } else {
        *out++ = 127;
        size_t rest = length - 127;
        for (; rest >= 128; rest >>= 7) *out++ = (char)(rest | 128);
        *out++ = (char)rest;
    }
    return stpcpy(out, string);
}

// A HEADERS frame that ends its stream: a press, or without `authorization` a look. Names in the static table are
// referenced, and nothing is indexed.
static size_t write_headers_frame(
    char *frame, uint32_t stream, const char *path, const char *authorization, const char *key) {
    char *at = frame + 9;
    *at++ = (char)(authorization ? 0x83 : 0x82);  // :method POST, GET
    *at++ = (char)0x87;  // :scheme https
    *at++ = 4;
    at = append_string(at, path);
    *at++ = 1;
    at = append_string(at, "sale.example.com");
    if (authorization != NULL) {
        *at++ = 15;
        *at++ = 23 - 15;
        at = append_string(at, authorization);
        *at++ = 0;
        at = append_string(at, "idempotency-key");
        at = append_string(at, key);
    }
    size_t bytes = (size_t)(at - frame) - 9;
    stream = htonl(stream);
    enum { HEADERS = 1, END_STREAM = 1, END_HEADERS = 4 };
    memcpy(frame, (char[]){0, (char)(bytes >> 8), (char)bytes, HEADERS, END_STREAM | END_HEADERS}, 5);
    memcpy(frame + 5, &stream, 4);
    return bytes + 9;
}

static void request_look(struct connection *connection) {
    char request[REQUEST_MAX], path[256];
    size_t bytes;
    snprintf(path, sizeof path, "/v1/sales/%.200s", asked.sale);
    if (asked.protocol == H2) {
        bytes = write_headers_frame(request, connection->stream, path, NULL, NULL);
    } else {
        bytes = (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: sale.example.com\r\n\r\n", path);
    }
    send_all(connection, request, bytes);
}

static void request_press(struct connection *connection) {
    char request[REQUEST_MAX], token[1024], authorization[1040], path[256], key[32];
    size_t bytes;
    write_token(token, sizeof token, connection->buyer);
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    snprintf(path, sizeof path, "/v1/sales/%.200s/purchases", asked.sale);
    snprintf(key, sizeof key, "press-%ld", connection->buyer);
    if (asked.protocol == H2) {
        bytes = write_headers_frame(request, connection->stream, path, authorization, key);
    } else {
        bytes = (size_t)snprintf(
            request, sizeof request,
            "POST %s HTTP/1.1\r\nHost: sale.example.com\r\nContent-Length: 0\r\nAuthorization: %s\r\n"
            "Idempotency-Key: %s\r\n\r\n",
            path, authorization, key);
    }
    send_all(connection, request, bytes);
}

static void ask(struct connection *connection) {
    connection->stream += connection->stream == 0 ? 1 : 2;
    connection->has_status = connection->has_words = 0;
    if (asked.mode == LOOK) return request_look(connection);
    request_press(connection);
}

// What a client sends first: the preface, default settings, and a window that is never used up.
static void greet(struct connection *connection) {
    static const char greeting[] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        "\0\0\0\4\0\0\0\0\0"
        "\0\0\4\10\0\0\0\0\0\77\0\0\0";
    const unsigned char *chosen;
    unsigned length;
    SSL_get0_alpn_selected(connection->ssl, &chosen, &length);
    if (length != 2 || memcmp(chosen, "h2", 2) != 0) give_up("the server chose another protocol than h2");
    send_all(connection, greeting, sizeof greeting - 1);
}

static void shake_hands(struct connection *connection) {
    int done = SSL_do_handshake(connection->ssl);
    if (done != 1 && SSL_get_error(connection->ssl, done) == SSL_ERROR_WANT_READ) return;
    if (done != 1) stop("handshake");
    handshakes++;
    resumed += SSL_session_reused(connection->ssl);
    connection->is_open = 1;
    if (asked.protocol == H2) greet(connection);
    ask(connection);
}

static void begin(struct connection *connection) {
    int one = 1;
    long source = opened++ % ADDRESSES;
    struct sockaddr_in from = {
        .sin_family = AF_INET, .sin_addr = {htonl((uint32_t)(0x7f010000 + source / 250 * 256 + source % 250 + 1))}};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)asked.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) stop("socket");
    // The kernel chooses the port once it knows both ends, so each address has all ports.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) stop("bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) stop("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) stop("epoll");
    *connection = (struct connection){.fd = fd, .is_open = tls == NULL, .buyer = ++begun};
    if (tls == NULL) return ask(connection);
    connection->ssl = SSL_new(tls);
    SSL_set_fd(connection->ssl, fd);
    SSL_set_connect_state(connection->ssl);
    SSL_set_tlsext_host_name(connection->ssl, "sale.example.com");
    shake_hands(connection);
}

static void end(struct connection *connection) {
    if (connection->ssl != NULL) {
        SSL_shutdown(connection->ssl);
        SSL_free(connection->ssl);
    }
    close(connection->fd);
}

// Receives bytes. Returns their number, 0 if there are none for now, -1 if there will be none.
static long take(struct connection *connection) {
    char *room = connection->answer + connection->received;
    size_t most = ANSWER_MAX - connection->received;
    errno = 0;
    long count = connection->ssl ? SSL_read(connection->ssl, room, (int)most) : recv(connection->fd, room, most, 0);
    if (count > 0) return count;
    int waits = connection->ssl ? SSL_get_error(connection->ssl, (int)count) == SSL_ERROR_WANT_READ : errno == EAGAIN;
    return waits ? 0 : -1;
}

static int has(const char *bytes, size_t count, const char *word) {
    return memmem(bytes, count, word, strlen(word)) != NULL;
}

// Removes the first bytes, which have been read.
static void drop(struct connection *connection, size_t count) {
    connection->received -= count;
    memmove(connection->answer, connection->answer + count, connection->received);
}

// Reads a complete answer. Returns whether there was one.
static int read_answer(struct connection *connection) {
    char *answer = connection->answer;
    answer[connection->received] = 0;
    char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\ncontent-length: ");
    if (end == NULL) return 0;
    if (length == NULL || length > end) give_up("an answer without a length");
    size_t bytes = (size_t)(end + 4 - answer) + strtoul(length + 18, NULL, 10);
    if (bytes > connection->received) return 0;
    connection->has_status = strncmp(answer, status_line, strlen(status_line)) == 0;
    connection->has_words = has(end, bytes - (size_t)(end - answer), words);
    connection->closes = strcasestr(answer, "\r\nconnection: close\r\n") != NULL;
    drop(connection, bytes);
    return 1;
}

// The same for frames. nginx writes 200 as the static table's entry, and a status that is not there as three digits.
static int read_frames(struct connection *connection) {
    enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, GOAWAY = 7 };
    while (connection->received >= 9) {
        const unsigned char *head = (unsigned char *)connection->answer;
        const char *payload = connection->answer + 9;
        size_t bytes = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        int type = head[3], flag = head[4] & 1;  // END_STREAM, or ACK
        if (connection->received < 9 + bytes) return 0;
        if (type == RST_STREAM) give_up("a stream was reset");
        if (type == GOAWAY) connection->closes = 1;
        if (type == SETTINGS && !flag) send_all(connection, "\0\0\0\4\1\0\0\0\0", 9);
        if (type == HEADERS) connection->has_status = has(payload, bytes, status_field);
        if (type == DATA) connection->has_words |= has(payload, bytes, words);
        drop(connection, 9 + bytes);
        if (type <= HEADERS && flag) return 1;
    }
    return 0;
}

static void serve(struct connection *connection) {
    if (!connection->is_open) return shake_hands(connection);
    long count;
    while ((count = take(connection)) > 0) connection->received += (size_t)count;
    if (asked.protocol == H2 ? !read_frames(connection) : !read_answer(connection)) {
        if (count < 0) stop("an answer is missing");
        return;
    }
    answered++;
    expected += connection->has_status && connection->has_words;
    int more = begun < asked.requests;
    if (asked.mode == IDLE) {
        // No more events are expected.
        epoll_ctl(epoll, EPOLL_CTL_DEL, connection->fd, NULL);
        if (more) begin(calloc(1, sizeof *connection));
    } else if (asked.mode == NEW || connection->closes) {
        // nginx closes a connection after `keepalive_requests`.
        end(connection);
        if (more) begin(connection);
    } else if (more) {
        connection->buyer = ++begun;
        ask(connection);
    }
}

static void read_arguments(int count, char **arguments) {
    if (count != 10) {
        fputs(
            "usage: ingress-client plain|tls|h2 keep|new|idle|look PORT REQUESTS CONNECTIONS SALE NAME TOKEN-HEADER "
            "KEY-FILE\n",
            stderr);
        exit(64);
    }
    asked.protocol = arguments[1][0] == 'p' ? PLAIN : arguments[1][0] == 't' ? TLS : H2;
    if (asked.protocol != PLAIN) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        if (asked.protocol == H2) SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\2h2", 3);
    }
    asked.mode = arguments[2][0] == 'k' ? KEEP : arguments[2][0] == 'n' ? NEW : arguments[2][0] == 'i' ? IDLE : LOOK;
    if (asked.mode == LOOK) {
        status_line = "HTTP/1.1 200 ";
        status_field = "\x88";
        words = "\"state\":\"sold_out\"";
    }
    asked.port = atoi(arguments[3]);
    asked.requests = atol(arguments[4]);
    asked.connections = atol(arguments[5]);
    asked.sale = arguments[6];
    asked.name = arguments[7];
    asked.token_header = arguments[8];
    FILE *key = fopen(arguments[9], "r");
    if (key == NULL || (asked.key_bytes = (int)fread(asked.key, 1, sizeof asked.key, key)) == 0) stop("the key");
    fclose(key);
}

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) stop("epoll");
    struct timespec first, last;
    clock_gettime(CLOCK_MONOTONIC, &first);
    for (long i = 0; i < asked.connections && i < asked.requests; i++) begin(calloc(1, sizeof(struct connection)));
    while (answered < asked.requests) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, 10000);
        if (ready == 0) give_up("no event for ten seconds");
        for (int i = 0; i < ready; i++) serve(events[i].data.ptr);
    }
    clock_gettime(CLOCK_MONOTONIC, &last);
    double seconds = (double)(last.tv_sec - first.tv_sec) + (double)(last.tv_nsec - first.tv_nsec) / 1e9;
    printf(
        "{\"requests\":%ld,\"expected\":%ld,\"connections\":%ld,\"handshakes\":%ld,\"resumed\":%ld,", answered,
        expected, opened, handshakes, resumed);
    printf("\"requests_per_second\":%.0f}\n", (double)answered / seconds);
    fflush(stdout);
    while (asked.mode == IDLE) pause();
    return 0;
}
