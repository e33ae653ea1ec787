// openssl_handshake TRUSTED SERVER_CHAIN SERVER_KEY CLIENT_CHAIN CLIENT_KEY COUNT: what OpenSSL by
// itself takes for mutual TLS 1.3, both ends in memory: no socket, no loop, no MQTT. Its defaults,
// but for sessions that the server keeps. Prints the server's CPU for a handshake as one JSON line:
// {"full_ms":..,"resumed_ms":..}. By this a machine's hour can be told.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "openssl_handshake: %s\n", what);
    ERR_print_errors_fp(stderr);
    std::exit(1);
}

double cpu_ms() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
}

SSL_CTX* context(const SSL_METHOD* method, const char* trusted, const char* chain,
                 const char* key) {
    SSL_CTX* made = SSL_CTX_new(method);
    if (!made || SSL_CTX_load_verify_locations(made, trusted, nullptr) != 1 ||
        SSL_CTX_use_certificate_chain_file(made, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1)
        fail("certificates");
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return made;
}

SSL_SESSION* newest = nullptr;
int keep_newest(SSL*, SSL_SESSION* session) {
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

// One connection; returns what it took the server.
double handshake(SSL_CTX* server, SSL_CTX* client, bool resume) {
    double began = cpu_ms(), took = 0;
    SSL* ours = SSL_new(server);
    BIO *left = nullptr, *right = nullptr;
    BIO_new_bio_pair(&left, 1 << 16, &right, 1 << 16);
    SSL_set_bio(ours, left, left);
    SSL_set_accept_state(ours);
    took += cpu_ms() - began;
    SSL* theirs = SSL_new(client);
    SSL_set_bio(theirs, right, right);
    SSL_set_connect_state(theirs);
    if (resume) SSL_set_session(theirs, newest);
    int here = 0, there = 0;
    for (int round = 0; round < 10 && (here != 1 || there != 1); ++round) {
        if (there != 1) there = SSL_do_handshake(theirs);
        began = cpu_ms();
        if (here != 1) here = SSL_do_handshake(ours);
        took += cpu_ms() - began;
    }
    char word[16];
    SSL_write(theirs, "hi", 2);
    SSL_read(theirs, word, sizeof word);  // takes the ticket
    if (here != 1 || there != 1 || SSL_session_reused(ours) != resume) fail("handshake");
    began = cpu_ms();
    SSL_read(ours, word, sizeof word);
    SSL_shutdown(ours);
    SSL_free(ours);
    took += cpu_ms() - began;
    SSL_set_shutdown(theirs, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(theirs);
    return took;
}

double mean(SSL_CTX* server, SSL_CTX* client, bool resume, int count) {
    double took = 0;
    for (int i = 0; i < count; ++i) took += handshake(server, client, resume);
    return took / count;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) fail("want TRUSTED SERVER_CHAIN SERVER_KEY CLIENT_CHAIN CLIENT_KEY COUNT");
    SSL_CTX* server = context(TLS_server_method(), argv[1], argv[2], argv[3]);
    SSL_CTX* client = context(TLS_client_method(), argv[1], argv[4], argv[5]);
    SSL_CTX_set_session_id_context(server, reinterpret_cast<const unsigned char*>("bench"), 5);
    SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_cache_mode(client,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(client, keep_newest);
    const int count = std::atoi(argv[6]);
    const double full = mean(server, client, false, count),
                 again = mean(server, client, true, count);
    std::printf("{\"full_ms\":%.4f,\"resumed_ms\":%.4f}\n", full, again);
    SSL_SESSION_free(newest);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
