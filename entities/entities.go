// Package entities declares the entity types: one file for each, in which one value says everything about the type: its
// class, its key, its properties with their documentation, what it is derived from, and where it stands. A type is
// added by adding such a file. The model package has the machinery, steps read the rows, and the relationships package
// declares what connects entities.
//
// Classes, and the properties that they demand, are those of JupiterOne's data model (npm @jupiterone/data-model 0.64.2). A
// field that is taken over unchanged keeps the vendor's name; times are milliseconds since 1970. What is unknown is absent,
// unless the data model demands it.
package entities
