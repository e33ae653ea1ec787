// The verbs that look at a gateway: status, doctor, logs.
#include <unistd.h>

#include <array>
#include <charconv>
#include <iostream>

#include "apps/edge/doctor.h"
#include "apps/edge/edge.h"
#include "device/agent/agent.h"

namespace mw::edge {
namespace {

constexpr std::uint64_t status_bytes_max = std::uint64_t{4} << 20;
constexpr nanoseconds hub_patience = seconds{3};

// What the agent wrote last; null when it has not.
Json last_status(files::Files& files, const std::string& directory) {
    const auto bytes =
        files::read_all(files, files::join(directory, "status.json"), status_bytes_max);
    if (!bytes) return {};
    auto json = parse_json(text_of(*bytes));
    return json ? std::move(*json) : Json();
}

// Where a running agent said that its page is.
std::string label_page(files::Files& files, const std::string& directory) {
    const auto bytes = files::read_all(files, files::join(directory, "label-page.json"), 4096);
    const auto where = bytes ? parse_json(text_of(*bytes)) : Result<Json>(bytes.error());
    return where ? find_string(*where, "url").value_or("") : std::string();
}

double days_left(const agent::AgentIdentity& identity, const Clock& clock) {
    const nanoseconds left = identity.current.certificate.not_after - clock.now();
    return static_cast<double>(left / seconds{1}) / 86400;
}

bool answers(Loop& loop, Workers& workers, const std::string& url) {
    const auto scheme = url.find("://");
    const std::string place = scheme == std::string::npos ? url : url.substr(scheme + 3);
    const std::string host_port = place.substr(0, place.find('/'));
    const auto colon = host_port.rfind(':');
    net::ConnectOptions where;
    where.host = host_port.substr(0, colon);
    where.port = 443;
    if (colon != std::string::npos)
        std::from_chars(host_port.data() + colon + 1, host_port.data() + host_port.size(),
                        where.port);
    if (where.host.starts_with('[')) where.host = where.host.substr(1, where.host.size() - 2);
    where.resolver = &workers;
    where.limit = hub_patience;
    return static_cast<bool>(sync_wait(loop, net::connect(std::move(where))));
}

}  // namespace

Result<> status(std::string directory, bool json) {
    files::RealFiles files;
    RealClock clock;
    TRY(const auto identity, agent::load_identity(files, directory));
    const crypto::Certificate& mine = identity.current.certificate;
    TRY(const auto mark, files.size(files::join(directory, "running")));
    const Json value = {{"device", identity.device.text},
                        {"hub", identity.hub},
                        {"certificate_serial", mine.serial},
                        {"certificate_ends", to_iso8601(mine.not_after)},
                        {"certificate_renewed_from", to_iso8601(agent::renewal_due(mine))},
                        {"certificate_days_left", days_left(identity, clock)},
                        {"running_or_stopped_hard", mark.has_value()},
                        {"label_page", label_page(files, directory)},
                        {"last", last_status(files, directory)}};
    std::cout << (json ? to_pretty_json(value) + "\n" : to_yaml(value));
    return {};
}

Result<> doctor(std::string directory, bool json) {
    files::RealFiles files;
    RealClock clock;
    TRY(const auto identity, agent::load_identity(files, directory));
    TRY(auto loop, Loop::open());
    WorkersOptions one;
    one.threads = 1;
    Workers workers(one);
    GatewayFacts facts;
    facts.now = clock.now();
    facts.runs = !files::DirectoryLock::take(directory);
    facts.certificate_days_left = days_left(identity, clock);
    TRY(const std::uint64_t free, files.free_space(directory));
    facts.disk_free_bytes = static_cast<double>(free);
    facts.hub = identity.hub;
    facts.hub_answers = answers(*loop, workers, identity.hub);
    facts.status = last_status(files, directory);
    constexpr std::array<const char*, 3> words = {"fine", "look", "WRONG"};
    JsonArray rows;
    int wrong = 0;
    for (const Finding& finding : examine(facts)) {
        const char* word = words[static_cast<std::size_t>(finding.verdict)];
        wrong += finding.verdict == Verdict::wrong;
        rows.push_back({{"verdict", word}, {"what", finding.what}, {"remedy", finding.remedy}});
        if (json) continue;
        std::cout << word << "  " << finding.what << '\n';
        if (!finding.remedy.empty()) std::cout << "      Next step: " << finding.remedy << '\n';
    }
    if (json) std::cout << to_pretty_json(Json(std::move(rows))) << '\n';
    if (wrong == 0) return {};
    return Error{Errc::conflict, std::to_string(wrong) + " things are wrong; see above"};
}

// systemd keeps them; another program shows them better than we would.
Result<> logs(std::string unit, bool follow) {
    std::vector<std::string> words = {"journalctl", "-u", unit, "-n", "200", "-o", "cat"};
    if (follow) words.push_back("-f");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    return Error{Errc::not_found,
                 "journalctl is not here. The agent logs to its standard error: look where "
                 "whoever starts it keeps that"};
}

}  // namespace mw::edge
