/*===- MpiPlugin.c - Messages by MPI ------------------------------------------===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

#include "runtime/comm/CommPlugin.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

struct plait_comm_request {
  MPI_Request request;
};

/* Of its own, so that no other user of MPI in this process takes its messages. */
static MPI_Comm messages = MPI_COMM_NULL;

static int openWorld(void **world, int32_t *rank, int32_t *size, uint32_t *most_tag, char *error, size_t error_size) {
  int provided = 0, found = 0, *upper = NULL, me = 0, ranks = 0;
  *world = NULL;
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
    snprintf(error, error_size, "MPI_Init_thread failed");
    return 1;
  }
  if (provided < MPI_THREAD_SERIALIZED) {
    snprintf(error, error_size, "found an MPI with thread level %d; expected MPI_THREAD_SERIALIZED (%d)", provided,
             MPI_THREAD_SERIALIZED);
    return 1;
  }
  if (MPI_Comm_dup(MPI_COMM_WORLD, &messages) != MPI_SUCCESS) {
    snprintf(error, error_size, "MPI_Comm_dup failed");
    return 1;
  }
  MPI_Comm_set_errhandler(messages, MPI_ERRORS_RETURN);
  MPI_Comm_rank(messages, &me);
  MPI_Comm_size(messages, &ranks);
  MPI_Comm_get_attr(messages, MPI_TAG_UB, &upper, &found);
  *rank = me;
  *size = ranks;
  *most_tag = found ? (uint32_t)*upper : 32767;
  return 0;
}

static plait_comm_request_t *began(plait_comm_request_t *request, int code) {
  if (code == MPI_SUCCESS)
    return request;
  free(request);
  return NULL;
}

static plait_comm_request_t *sendMessage(void *world, const void *data, size_t bytes, int32_t to, uint32_t tag) {
  plait_comm_request_t *request = malloc(sizeof(*request));
  (void)world;
  return request ? began(request, MPI_Isend(data, (int)bytes, MPI_BYTE, to, (int)tag, messages, &request->request))
                 : NULL;
}

static plait_comm_request_t *recvMessage(void *world, void *data, size_t bytes, int32_t from, uint32_t tag) {
  plait_comm_request_t *request = malloc(sizeof(*request));
  (void)world;
  return request ? began(request, MPI_Irecv(data, (int)bytes, MPI_BYTE, from, (int)tag, messages, &request->request))
                 : NULL;
}

static int test(void *world, plait_comm_request_t *request, size_t *bytes) {
  int done = 0, count = 0;
  MPI_Status status;
  (void)world;
  int code = MPI_Test(&request->request, &done, &status);
  if (code == MPI_SUCCESS && !done)
    return 0;
  if (code == MPI_SUCCESS && MPI_Get_count(&status, MPI_BYTE, &count) != MPI_SUCCESS)
    count = 0;
  *bytes = count > 0 ? (size_t)count : 0;
  free(request);
  return code == MPI_SUCCESS ? 1 : -1;
}

static void cancel(void *world, plait_comm_request_t *request) {
  (void)world;
  MPI_Cancel(&request->request);
  MPI_Request_free(&request->request);
  free(request);
}

static void closeWorld(void *world, int32_t code) {
  (void)world;
  if (code != 0)
    MPI_Abort(MPI_COMM_WORLD, code);
  MPI_Comm_free(&messages);
  MPI_Finalize();
}

const plait_comm_plugin_v1_t *plait_comm_plugin_v1(void) {
  static const plait_comm_plugin_v1_t plugin = {
      PLAIT_COMM_PLUGIN_VERSION, sizeof(plugin), "MPI", openWorld, sendMessage, recvMessage, test, cancel, closeWorld};
  return &plugin;
}
