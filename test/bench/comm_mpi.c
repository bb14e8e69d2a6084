/*===- comm_mpi.c - How long MPI_Allreduce takes ------------------------------===*
 *
 * Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * mpirun -n RANKS comm_mpi BYTES...: as plait-comm, see comm.cpp.
 *===----------------------------------------------------------------------===*/

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int a = 1; a < argc; ++a) {
    size_t bytes = strtoull(argv[a], NULL, 10), count = bytes / sizeof(float), rounds = ((size_t)64 << 20) / bytes;
    rounds = rounds < 200 ? 200 : rounds > 5000 ? 5000 : rounds;
    float *data = malloc(bytes);
    double *times = malloc(rounds * sizeof(double));
    for (size_t i = 0; i < count; ++i)
      data[i] = 1e-3f;
    for (size_t i = 0; i < rounds; ++i) {
      double begin = MPI_Wtime();
      MPI_Allreduce(MPI_IN_PLACE, data, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
      times[i] = (MPI_Wtime() - begin) * 1e6;
      for (size_t j = 0; j < count; ++j)
        data[j] = 1e-3f;
    }
    qsort(times, rounds, sizeof(double), compare);
    if (rank == 0)
      printf("%zu %.2f\n", bytes, times[rounds / 2]);
    free(data);
    free(times);
  }
  MPI_Finalize();
  return 0;
}
