#include "apps/load/report.h"

#include <cstdio>

namespace mw::load {
namespace {

constexpr std::pair<const char*, double> quantiles[]{
    {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};

Json latency_json(const Histogram& histogram) {
    JsonObject json{{"count", histogram.count()}};
    if (histogram.empty()) return json;
    for (const auto& [name, q] : quantiles) json[name] = histogram.quantile(q);
    json["max"] = histogram.max();
    return json;
}

std::string words(double us) {
    char text[32];
    if (us < 1'000)
        std::snprintf(text, sizeof text, "%.0f us", us);
    else if (us < 1e6)
        std::snprintf(text, sizeof text, "%.2f ms", us / 1e3);
    else
        std::snprintf(text, sizeof text, "%.2f s", us / 1e6);
    return text;
}

std::string latency_words(const Histogram& histogram) {
    if (histogram.empty()) return "-";
    std::string text;
    for (const auto& [name, q] : quantiles)
        text += std::string(name) + " " + words(histogram.quantile(q)) + ", ";
    return text + "max " + words(histogram.max());
}

std::string rate_words(std::uint64_t count, double seconds) {
    char text[64];
    std::snprintf(text, sizeof text, "%llu (%.0f/s)", static_cast<unsigned long long>(count),
                  seconds > 0 ? double(count) / seconds : 0);
    return text;
}

}  // namespace

Json to_json(const Report& r) {
    const Options& o = r.options;
    return JsonObject{{"shape", to_string(o.shape)},
                      {"publishers", o.publishers},
                      {"subscribers", o.subscribers},
                      {"idle", o.idle},
                      {"qos", static_cast<int>(o.qos)},
                      {"version", o.version == mqtt::Version::v5 ? "5" : "3.1.1"},
                      {"tls", o.tls},
                      {"payload_bytes", o.payload_bytes},
                      {"rate", o.rate},
                      {"in_flight", o.in_flight},
                      {"seconds", r.seconds},
                      {"cpu_seconds", r.cpu_seconds},
                      {"connections", r.connections},
                      {"disconnected", r.disconnected},
                      {"reason", r.first_reason},
                      {"sent", r.sent},
                      {"acknowledged", r.acknowledged},
                      {"expected", r.expected},
                      {"received", r.received},
                      {"lost", r.lost},
                      {"duplicates", r.duplicates},
                      {"out_of_order", r.out_of_order},
                      {"late_us", r.late_us},
                      {"clean", r.clean()},
                      {"connect_us", latency_json(r.connect_us)},
                      {"acknowledge_us", latency_json(r.acknowledge_us)},
                      {"deliver_us", latency_json(r.deliver_us)}};
}

std::vector<std::pair<std::string, std::string>> rows_of(const Report& r) {
    const Options& o = r.options;
    std::vector<std::pair<std::string, std::string>> rows;
    rows.emplace_back("load", std::string(to_string(o.shape)) + ", " +
                                  std::to_string(o.publishers) + " publishers, " +
                                  std::to_string(o.subscribers) + " subscribers, QoS " +
                                  std::to_string(static_cast<int>(o.qos)) + ", " +
                                  std::to_string(o.payload_bytes) + " B" + (o.tls ? ", TLS" : ""));
    rows.emplace_back("connections",
                      std::to_string(r.connections) + (r.disconnected == 0
                                                           ? ""
                                                           : ", " + std::to_string(r.disconnected) +
                                                                 " cut off: " + r.first_reason));
    rows.emplace_back("connect", latency_words(r.connect_us));
    if (o.shape != Shape::connect) {
        rows.emplace_back("sent", rate_words(r.sent, r.seconds));
        rows.emplace_back("acknowledged", rate_words(r.acknowledged, r.seconds));
        rows.emplace_back("received",
                          rate_words(r.received, r.seconds) + " of " + std::to_string(r.expected));
        rows.emplace_back("lost", std::to_string(r.lost));
        rows.emplace_back("duplicates", std::to_string(r.duplicates));
        rows.emplace_back("out of order", std::to_string(r.out_of_order));
        rows.emplace_back("acknowledge", latency_words(r.acknowledge_us));
        rows.emplace_back("deliver", latency_words(r.deliver_us));
        if (o.rate > 0) rows.emplace_back("behind rate", "at most " + words(r.late_us));
        if (r.disconnected == 0 && !r.first_reason.empty())
            rows.emplace_back("refused", r.first_reason);
    }
    char cpu[96];
    std::snprintf(cpu, sizeof cpu, "%.2f s in %.2f s, of this tool only", r.cpu_seconds, r.seconds);
    rows.emplace_back("CPU", cpu);
    return rows;
}

}  // namespace mw::load
