module lab/contour

go 1.25.0

require github.com/projectcontour/contour v1.33.0
