/*===- CommPlugin.h - What carries messages between launched ranks --*- C -*-===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * A plug-in is a shared library that carries messages between processes which a
 * launcher has started. Plait loads it when it finds that a launcher did
 * (docs/parallel.md); so no program of Plait is linked with a message library.
 *
 * It carries bytes and knows nothing of collectives, groups, deadlines or errors
 * of other ranks: those are runtime/comm/MessageCommunicator.cpp, and the same
 * whatever carries the messages.
 *
 * No function waits, but for open and close. They are called by one thread at a
 * time, though not always by the same. Messages of one sender with one tag arrive
 * in the order in which they were sent.
 *
 *===----------------------------------------------------------------------===*/

#ifndef PLAIT_RUNTIME_COMM_COMMPLUGIN_H
#define PLAIT_RUNTIME_COMM_COMMPLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLAIT_COMM_PLUGIN_VERSION 1u

/** A message under way. */
typedef struct plait_comm_request plait_comm_request_t;

typedef struct plait_comm_plugin_v1 {
  uint32_t version;     /**< PLAIT_COMM_PLUGIN_VERSION */
  uint32_t struct_size; /**< of this struct, as the plug-in knows it */
  const char *name;     /**< of what carries the messages, for people */

  /** Joins all processes of the launch. `world` is handed to the other functions;
   *  tags go from 0 to `most_tag`, at least 32767. Returns 0, or 1 with a text in `error`. */
  int (*open)(void **world, int32_t *rank, int32_t *size, uint32_t *most_tag, char *error, size_t error_size);

  /** Begin to send and to receive at most INT32_MAX bytes, which stay where they
   *  are until the request has ended. Null: it cannot be done. */
  plait_comm_request_t *(*send)(void *world, const void *data, size_t bytes, int32_t to, uint32_t tag);
  plait_comm_request_t *(*recv)(void *world, void *data, size_t bytes, int32_t from, uint32_t tag);
  /** 0: under way. 1: ended, and `bytes` is what came. -1: failed. The last two free the request. */
  int (*test)(void *world, plait_comm_request_t *request, size_t *bytes);
  /** Gives up a request and frees it. */
  void (*cancel)(void *world, plait_comm_request_t *request);

  /** With code 0 all ranks call it, and it returns. With another one rank is enough:
   *  it ends the processes of all ranks, this one as well. */
  void (*close)(void *world, int32_t code);
} plait_comm_plugin_v1_t;

/** The one symbol of a plug-in. Later versions have other names. */
__attribute__((visibility("default"))) const plait_comm_plugin_v1_t *plait_comm_plugin_v1(void);

#ifdef __cplusplus
}
#endif

#endif /* PLAIT_RUNTIME_COMM_COMMPLUGIN_H */
