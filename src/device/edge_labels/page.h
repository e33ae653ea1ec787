#pragma once
// The small page of a gateway: a phone's width, no network but this one, one tap per answer. Served
// on loopback unless an address is configured; that wants TLS and a token. Belongs to the agent's
// loop. Limits: 16 connections, bodies of 4 kB, 50 questions in a list.

#include <functional>
#include <memory>
#include <string>

#include "device/edge_labels/desk.h"
#include "platform/http/http.h"

namespace mw::edge_labels {

struct PageOptions {
    std::string host = "127.0.0.1";  // numeric
    std::uint16_t port = 0;          // 0: a free one
    std::string certificate_pem;     // with its chain; both or neither
    std::string key_pem;
    std::string token;  // empty: anybody who reaches the port
};
// invalid_input when the page could be reached from elsewhere without TLS and a token.
Result<> check(const PageOptions& options);

class Page {
 public:
    // Lets a handler answer those who may ask.
    using Guard = std::function<http::Handler(http::Handler)>;
    struct Parts {  // all outlive the page
        Loop& loop;
        Desk& desk;
        metrics::Registry& metrics;
        std::string device;
        std::function<Json()> link;  // {"connected": true, "unsent": 3}: how far answers came
        // What else the listener serves, to whoever the guard lets in; empty: nothing.
        std::function<void(http::Router&, const Guard&)> more;
    };
    static Result<std::unique_ptr<Page>> open(Parts parts, PageOptions options);
    ~Page();

    std::string url() const;
    Task<> stop() { return server_->stop(); }

 private:
    Page(Parts parts, PageOptions options);
    http::Router routes();
    void add_files(http::Router& router);
    http::Handler guarded(http::Handler handler);
    Result<> admit(const http::Request& request) const;
    Task<http::Response> list();
    Task<http::Response> snippet(http::Request request);
    Task<http::Response> answer(http::Request request);

    Parts parts_;
    PageOptions options_;
    std::unique_ptr<http::Server> server_;
};

}  // namespace mw::edge_labels
