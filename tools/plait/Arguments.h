//===- Arguments.h - Strict reading of command line values -----*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_ARGUMENTS_H
#define PLAIT_TOOLS_PLAIT_ARGUMENTS_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

// Every error reads "NAME: found "VALUE"; expected WHAT".
Status wrongValue(const std::string &name, std::string_view text, const std::string &expected);
Expected<int64_t> parseInteger(const std::string &name, const std::string &text, int64_t min, int64_t max);
/// A finite number in [min, max].
Expected<double> parseNumber(const std::string &name, const std::string &text, double min, double max);
/// "1,2,3"; blanks around the commas are allowed.
Expected<std::vector<int64_t>> parseIntegerList(const std::string &name, const std::string &text, int64_t min,
                                                int64_t max);
/// Threads: "auto" or nothing stands for one per physical core that the process may
/// use, else a number from 1 to 1024.
Expected<unsigned> parseThreads(const std::string &name, const std::string &text);
/// Whether `text` leaves the number to the instance, whose ranks share the cores.
inline bool isAutoThreads(const std::string &text) { return text.empty() || text == "auto"; }
/// The same for a list.
Expected<std::vector<int64_t>> parseThreadsList(const std::string &name, const std::string &text);
/// "a,b,c", none of them empty; an empty text gives an empty list.
Expected<std::vector<std::string>> parseNameList(const std::string &name, const std::string &text);
Expected<std::vector<int32_t>> parseTokenIds(const std::string &name, const std::string &text);
Expected<uint64_t> parseSeed(const std::string &name, const std::string &text);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_ARGUMENTS_H
