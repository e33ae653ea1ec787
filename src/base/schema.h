#pragma once
// JSON Schema (draft 7, without remote references) for resources and configuration: every fault
// names the dotted path of the offending key and what to write instead. A compiled Schema is
// immutable and may be shared between threads; a check reports at most 20 faults.

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mw {

struct SchemaFault {
    std::string path;     // "spec.signals[2].unit"; empty for the document itself
    std::string message;  // "unknown key 'untis'; did you mean 'unit'?"
};

class Schema {
 public:
    static Result<Schema> compile(Json schema);

    std::vector<SchemaFault> faults(const Json& document) const;  // empty: it is valid
    // The first fault as "path: message" (and how many more there are).
    Result<> check(const Json& document) const;
    const Json& source() const;

 private:
    struct Compiled;
    explicit Schema(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    std::shared_ptr<const Compiled> compiled_;
};

// The known word closest to what was written, or empty when nothing is near (edit distance > 1/3).
std::string nearest_word(std::string_view written, const std::vector<std::string>& known);

}  // namespace mw
