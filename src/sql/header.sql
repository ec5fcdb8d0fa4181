-- complain if this script is read by psql instead of by CREATE EXTENSION
\echo Use "CREATE EXTENSION vectordb" to load this file. \quit
