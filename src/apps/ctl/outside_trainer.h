#pragma once
// A trainer that is not ours: a command that finds a frozen dataset in its folder and leaves
// model.onnx there.

#include <string>
#include <vector>

#include "apps/ctl/command.h"
#include "insight/detectors/detectors.h"

namespace mw::ctl {

struct OutsideTrainer {
    std::string command;          // for /bin/sh, in the folder
    std::string version_command;  // its first line says which version it is
    std::string pipeline;         // path of a pipeline.yaml
    std::string folder;           // empty: a temporary one
    std::string limit = "1h";
    std::uint64_t memory_mb = 0;  // of each of its processes; 0: no limit
};

struct OutsideRows {
    std::string dataset;   // the frozen file, CSV
    std::string name;      // of the dataset, its hash and part, for the card
    std::string features;  // the windows, CSV
    std::string card;      // the dataset's, JSON
};

// What it left, after it ended well.
struct OutsideWork {
    Bytes onnx;
    std::string pipeline, version;
    nanoseconds took{0};
    std::string last_line;  // of what it said
};
// Puts the rows into the folder and runs it; what it says goes to standard error as it comes.
Result<OutsideWork> run_outside(const OutsideTrainer& trainer, const OutsideRows& rows,
                                const std::string& pipeline);

// The card's text: what it was trained with and on.
std::string outside_card(const OutsideTrainer& trainer, const OutsideRows& rows,
                         const OutsideWork& work, std::size_t windows);

}  // namespace mw::ctl
