#include "platform/http/router.h"

#include <algorithm>

namespace mw::http {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);  // the '/'
        auto end = std::min(path.find('/'), path.size());
        if (end > 0) segments.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

// 0 literal, 1 parameter, 2 the rest: the smaller, the more specific.
int kind_of(const std::string& segment) {
    if (segment.size() < 2 || segment.front() != '{' || segment.back() != '}') return 0;
    return segment.ends_with("...}") ? 2 : 1;
}
bool more_specific(const Router::Route& a, const Router::Route& b) {
    return std::lexicographical_compare(
        a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
        [](const auto& x, const auto& y) { return kind_of(x) < kind_of(y); });
}

bool matches(const Router::Route& route, const std::vector<std::string>& path, Params& params) {
    params.clear();
    for (std::size_t i = 0; i < route.segments.size(); ++i) {
        const std::string& wanted = route.segments[i];
        int kind = kind_of(wanted);
        if (kind == 2) {
            std::string rest;
            for (std::size_t j = i; j < path.size(); ++j) rest += (j > i ? "/" : "") + path[j];
            params.emplace_back(wanted.substr(1, wanted.size() - 5), std::move(rest));
            return true;
        }
        if (i >= path.size()) return false;
        if (kind == 0 && wanted != path[i]) return false;
        if (kind == 1) params.emplace_back(wanted.substr(1, wanted.size() - 2), path[i]);
    }
    return path.size() == route.segments.size();
}

}  // namespace

void Router::add(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
    ASSERT(!pattern.empty() && pattern[0] == '/' && handler);
    Route route{method, std::string(pattern), segments_of(pattern), std::move(handler), options};
    for (const auto& known : routes_)
        ASSERT(known.method != method || known.segments != route.segments);
    for (const auto& segment : route.segments)
        ASSERT(kind_of(segment) != 2 || &segment == &route.segments.back());
    routes_.push_back(std::move(route));
}

Router::Match Router::find(Method method, std::string_view path) const {
    const auto segments = segments_of(path);
    Match best;
    Params params;
    for (const auto& route : routes_) {
        if (!matches(route, segments, params)) continue;
        bool fits =
            route.method == method || (method == Method::head && route.method == Method::get);
        if (!fits) {
            best.allowed.push_back(route.method);
            continue;
        }
        if (best.route && !more_specific(route, *best.route)) continue;
        best.route = &route;
        best.params = params;
    }
    if (best.route) best.allowed.clear();
    return best;
}

}  // namespace mw::http
