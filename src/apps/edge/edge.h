#pragma once
// The verbs of millwright-edge: enroll, run, measure, status, doctor, logs. Wiring only.

#include <string>
#include <vector>

#include "base/result.h"

namespace mw::edge {

struct EnrollArguments {
    std::string hub;    // https://host:8444, the hub's device listener
    std::string token;  // of an enrolment group; or its file
    std::string token_file;
    std::string pin;  // SHA-256 of the root's public key, hex
    std::string name;
    std::string directory;
    std::string wait = "1h";  // for an operator to approve it
    // Instead of a token: the maker's certificate (IDevID) and its key, PEM files that stay.
    std::string factory_certificate, factory_key;
};
Result<> enroll(EnrollArguments arguments);

struct RunArguments {
    std::string directory;
    std::uint64_t outbox_bytes = std::uint64_t{256} << 20;
    bool refuse_when_full = false;  // instead of dropping the oldest
    // The page for labels: on loopback, unless an address is given with TLS and a token.
    std::string label_listen = "127.0.0.1:0";  // numeric; "off": no page
    std::string label_certificate, label_key, label_token_file;
    std::uint64_t label_bytes = std::uint64_t{16} << 20;  // of snippets on disk
    std::string log_level = "info";
    std::string log_format = "text";
};
Result<> run(RunArguments arguments);

// What a bundle costs on this machine, as one line of JSON (docs/formats/command.md).
Result<> measure(std::string bundle);

// The child of `run` in which a model with limits.isolation lives. People have no use for it.
Result<> serve_model(std::vector<std::string> arguments);

// Identity and certificate, and what the agent said last.
Result<> status(std::string directory, bool json);
// What is wrong here and what to do about it. conflict: something is.
Result<> doctor(std::string directory, bool json);
// What systemd kept of the unit's logs. Returns only when it cannot.
Result<> logs(std::string unit, bool follow);

}  // namespace mw::edge
