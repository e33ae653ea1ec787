#pragma once
// Which handler answers a request. Patterns are segments: "/v1/devices/{name}"; "{rest...}" as the
// last segment takes what remains. A literal segment wins over a parameter. Filled before the
// server starts, immutable afterwards.

#include "platform/http/message.h"

namespace mw::http {

// The request arrives by value: move from it. Errors become Response::error.
using Handler = std::function<Task<Response>(Request)>;

struct RouteOptions {
    std::size_t body_limit = 1 << 20;
    nanoseconds limit = seconds(30);  // for the handler, until it gives its response
    // If set, decides the body limit from the head, before anything of the body is kept: so that
    // strangers can't make us hold what only users may send.
    std::function<std::size_t(const Request& head)> body_limit_for{};
    // The handler is cancelled when its client leaves: for work that nobody else wants.
    bool ends_with_client = false;
};

class Router {
 public:
    struct Route {
        Method method;
        std::string pattern;
        std::vector<std::string> segments;
        Handler handler;
        RouteOptions options;
    };
    struct Match {
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> params;
        std::vector<Method> allowed;  // if the path is known and the method is not
    };

    // A pattern that is malformed or already taken is a bug.
    void add(Method method, std::string_view pattern, Handler handler, RouteOptions options = {});
    // HEAD finds GET's route.
    Match find(Method method, std::string_view path) const;

 private:
    std::vector<Route> routes_;
};

}  // namespace mw::http
