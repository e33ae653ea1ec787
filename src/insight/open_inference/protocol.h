#pragma once
// The routes below /v2. Who may ask is the caller's matter: each handler is given to `guard`.

#include <functional>
#include <string>

#include "base/metrics.h"
#include "insight/open_inference/models.h"
#include "insight/open_inference/tensors.h"
#include "platform/http/http.h"

namespace mw::open_inference {

struct ServerFacts {
    std::string name = "millwright";
    std::string version;
};

class Protocol {
 public:
    Protocol(Models& models, ServerFacts facts, metrics::Registry& metrics, Limits limits = {});

    struct Route {
        http::Method method;
        std::string pattern;
        http::Handler handler;
        http::RouteOptions options;
        bool open = false;  // health: says nothing that a port scan does not
    };
    std::vector<Route> routes();
    // For servers that let everybody in who reaches them.
    void add_to(http::Router& router);

    // What the routes do; the path has {name}, and perhaps {version}.
    http::Response server() const;
    Task<http::Response> metadata(http::Request request);
    Task<http::Response> model_ready(http::Request request);
    Task<http::Response> infer(http::Request request);

 private:
    Models& models_;
    ServerFacts facts_;
    Limits limits_;
    metrics::Counter& requests_;
    metrics::Counter& refused_;
    metrics::Counter& rows_;
};

// {"error": "..."} with 4xx or 5xx, as the protocol wants it.
http::Response error_answer(const Error& error);

}  // namespace mw::open_inference
