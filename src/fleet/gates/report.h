#pragma once
// A GateReport: rows of measured, limit and verdict, signed as a whole
// (docs/formats/gate-report.md). Pure.

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "domain/resource.h"

namespace mw::gates {

struct Row {
    std::string row;  // "f1", "f1 vs champion", "latency_us_p99 small-x86", "card Limits"
    Json measured;    // number or null
    std::string limit;
    bool passed = false;
    std::string detail;
};

struct Report {
    std::string gate;
    std::string version;
    std::string bundle;
    std::string dataset;
    std::string dataset_sha256;
    std::string champion;  // empty: none
    Timestamp measured_at;
    std::vector<Row> rows;
    JsonObject facts = {};  // every metric, for the version's status; not part of what is signed

    bool passed() const;
    const Row* failing() const;  // the first row that did not pass; null: all did
};
// "f1 is 0.77, limit >= 0.8": a failing row in words.
std::string in_words(const Row& row);

// Object keys in order, all the way down: one text for one content.
std::string canonical_text(const Json& value);

struct Signature {
    Bytes signature;    // Ed25519
    Bytes certificate;  // DER, with its issuer's
};
using Sign = std::function<Result<Signature>(ByteView message)>;

// The spec of a GateReport, with what is signed, the signature and the certificate.
Result<Json> signed_spec(const Report& report, const Sign& sign);

}  // namespace mw::gates
