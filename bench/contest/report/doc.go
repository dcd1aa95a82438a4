// Package report makes a page of a contest's result: one file that needs no
// other, with the goals, the figures and their pictures.
//
//	report.go    the page
//	page.html    its template
//	picture.go   which figures share a picture
//	chart.go     bars and lines, as SVG
package report
