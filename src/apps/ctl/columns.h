#pragma once
// Which parts of a resource a list of its kind shows. Pure.

#include <string>
#include <vector>

namespace mw::ctl {

struct Column {
    const char* title;
    const char* path;
};
// By plural; a kind without a row has name and domain only.
const std::vector<Column>& columns_of(const std::string& plural);

}  // namespace mw::ctl
