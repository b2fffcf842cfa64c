/** The address under which the service has uPlot's module. */
export { default } from 'uplot'
