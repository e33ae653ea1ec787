#pragma once
// From the points of a data product and people's answers to a dataset's content. Pure.

#include <optional>
#include <string>

#include "data/datasets/dataset_file.h"
#include "data/datasets/splits.h"
#include "data/label_log/label_log.h"
#include "domain/resource.h"

namespace mw::datasets {

// A Dataset's spec, read and checked.
struct Order {
    std::string product;
    bool golden = false;
    Timestamp from;
    Timestamp to;
    std::vector<std::string> devices;  // empty: all
    std::vector<std::string> signals;  // empty: all that there are, by name
    std::string label_signal;          // empty: none
    bool answers = true;
    std::optional<Timestamp> as_of;
    Splits splits;
    bool allow_leaks = false;
};
Result<Order> order_of(const Json& spec);  // errors name the key

// Gives the points as CSV: t (ns since 1970), device, signal, value, quality.
std::string sql_of(const Order& order);

// `csv`: what that query gave, in any order of rows; of points of equal device, signal and time one
// is kept, whatever the order. `answers`: the newest per window.
//
// Bad points are in quarantine and left out: they are counted, and are no points here. A row is a
// time at which any of the signals has a point. Its label is that of the newest answer whose window
// holds its time, else that of the label signal at the very same time (above .5:
// anomalous), else unknown. The label signal is no column: a model must not see it.
Result<Content> assemble(std::string_view csv, const Order& order, labels::Labels answers);

}  // namespace mw::datasets
